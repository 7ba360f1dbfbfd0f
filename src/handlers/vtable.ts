import type { HandlerSpec } from './contract.js';
import { PASSED_OVER } from './passed-over.js';

/** A table that is only a name. */
export const vtable: HandlerSpec = {
  name: 'vtable',
  aliases: ['fake_local'],
  summary:
    'A table that is only a name here: it need not exist, nothing is copied, its events do nothing. A branch hands them on.',
  arguments: [],
  commonArguments: [],
  example: 'add-table orders --handler vtable',
  worksOnRoot: true,
  bind: () => ({
    needsNoTable: true,
    needsNoCopy: true,
    notComparable: 'It is only a name here: its handler is vtable.',
    takeOver: () => Promise.resolve(PASSED_OVER),
  }),
};
