import { ReplicateError } from '../errors/replicate-error.js';
import type { HandlerSpec } from './contract.js';

const METHODS = ['0', '1', '2'];

/**
 * What Londiste has `bulk` for, everything does here: the net effect of a block in at most three statements for a table.
 * So its methods, which are ways to get there, come to the same.
 */
export const bulk: HandlerSpec = {
  name: 'bulk',
  summary:
    'The same as plain, which writes the changes of many events with few statements anyway, and more exactly than the methods of Londiste: a row that is not as it should be is noticed.',
  arguments: [{ name: 'method', summary: '0, 1 or 2, as in Londiste; of no meaning here.' }],
  example: 'add-table orders --handler bulk',
  bind({ own }) {
    checkMethod(own.get('method') ?? '0', METHODS);
    return {};
  },
};

/** Throws PC410 for a method that there is not. */
export function checkMethod(method: string, methods: readonly string[]): void {
  if (methods.includes(method)) return;
  throw new ReplicateError('PC410', `method=${method} is none of ${methods.join(', ')}.`);
}
