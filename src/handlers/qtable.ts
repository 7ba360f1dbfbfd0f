import type { HandlerSpec } from './contract.js';
import { PASSED_OVER } from './passed-over.js';

/** A table that is a door to the queue. */
export const qtable: HandlerSpec = {
  name: 'qtable',
  summary:
    'What is inserted into the table on the root is an event in the queue and no row. Below the root nothing is done with the events; the table need not be there. A node that is to apply them, to have them as rows or to put them into a queue of its own, takes applyfn, plain or qsplitter.',
  arguments: [],
  commonArguments: [],
  example: 'add-table app.orders_in --handler qtable',
  worksOnRoot: true,
  bind: () => ({
    needsNoTable: true,
    needsNoCopy: true,
    triggers: 'inserts only',
    notComparable: 'It has no rows: what is inserted into it are events of the queue.',
    takeOver: () => Promise.resolve(PASSED_OVER),
  }),
};
