import type { HandlerSpec } from './contract.js';

/** The handler of a table that has none. */
export const plain: HandlerSpec = {
  name: 'plain',
  aliases: ['londiste'],
  summary:
    'The table as it is on the provider, or some of its rows or columns with the arguments of every handler.',
  arguments: [],
  example:
    'add-table orders --handler plain --handler-arg "where=region = \'eu\'" --handler-arg columns=id,region,total',
  bind: () => ({}),
};
