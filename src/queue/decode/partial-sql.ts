import { ReplicateError } from '../../errors/replicate-error.js';
import type { RowOperation } from './row-event-type.js';

/**
 * The statement of a `sqltriga` event for the table `target` (quoted SQL name, with `only` where it belongs).
 *
 * Inserts overrule identity columns that are generated always, because the value was drawn on the provider. Throws
 * PC404 when the data is not what the trigger writes. Pure.
 */
export function partialSqlStatement(
  operation: Exclude<RowOperation, 'truncate'>,
  target: { readonly name: string; readonly onlyName: string },
  data: string,
): string {
  switch (operation) {
    case 'insert': {
      const end = endOfColumnList(data);
      return `insert into ${target.name} ${data.slice(0, end)} overriding system value${data.slice(end)}`;
    }
    case 'update':
      return `update ${target.onlyName} set ${data}`;
    case 'delete':
      return `delete from ${target.onlyName} where ${data}`;
  }
}

/** The position behind `(a,"b)")`, where quoted names may hold a parenthesis. */
function endOfColumnList(data: string): number {
  let quoted = false;
  for (let i = 0; i < data.length; i++) {
    const character = data[i];
    if (character === '"') quoted = !quoted;
    else if (character === ')' && !quoted) return i + 1;
  }
  throw new ReplicateError('PC404', 'An insert event in partial SQL has no column list.');
}
