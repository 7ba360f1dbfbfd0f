import type { Connection } from '../db/connection.js';
import type { KeyOperation } from './net-effect.js';
import type { RowChange } from './row-change.js';
import type { TableChanges } from './table-changes.js';

/** The row of an event on its way into a table. */
export interface RowToRewrite {
  /** JSON object. */
  readonly row: string;
  /** True when the row holds no more than the key for certain. */
  readonly isKey: boolean;
}

/** What is made of the events of one table before they are written. */
export interface RowRewrite {
  /** True when not every row of the provider is here: a row that changes may come or go. */
  readonly isPartial: boolean;
  readonly ignoresTruncate: boolean;
  /** False when only `ignoresTruncate` counts. */
  readonly changesRows: boolean;
  /**
   * The rows as they are here, in the same order. Throws the server's error when a row cannot be read.
   */
  rewrite(tx: Connection, rows: readonly RowToRewrite[]): Promise<readonly RewrittenRow[]>;
}

export interface RewrittenRow {
  /** JSON object. */
  readonly row: string;
  /** False for a row that is not to be here; never for a key. */
  readonly isHere: boolean;
}

/** The same for a table of which only some rows are here yet, whichever; undefined: rows come as they are. Pure. */
export function ofSomeRows(rewrite: RowRewrite | undefined): RowRewrite {
  return {
    isPartial: true,
    ignoresTruncate: rewrite?.ignoresTruncate ?? false,
    changesRows: true,
    rewrite: async (tx, rows) =>
      rewrite?.changesRows === true
        ? rewrite.rewrite(tx, rows)
        : rows.map(({ row }) => ({ row, isHere: true })),
  };
}

/**
 * The changes of a table as they are here.
 *
 * With a key an event does not tell whether its row was here before: an update then means that the row is as it says,
 * a delete that it is not there. Without a key it does: the old row is in the event.
 */
export async function rewriteChanges(
  tx: Connection,
  changes: TableChanges,
  rewrite: RowRewrite,
): Promise<TableChanges> {
  const all = changes.sections.flatMap((section) =>
    section.kind === 'sql'
      ? []
      : section.changes.map((change) => ({ change, keyColumns: section.keyColumns })),
  );
  const wanted = all.flatMap(({ change, keyColumns }) => {
    const isKey = change.operation === 'delete' && keyColumns.length > 0;
    const rows: RowToRewrite[] = [{ row: change.row, isKey }];
    if (change.oldRow !== null) rows.push({ row: change.oldRow, isKey: false });
    return rows;
  });
  const rewritten = wanted.length === 0 ? [] : await rewrite.rewrite(tx, wanted);
  const result = changes.emptyCopy(rewrite.isPartial);
  // What came as SQL cannot be looked at.
  const unreadable = changes.sections.find((section) => section.kind === 'sql')?.changes[0]?.event;
  if (unreadable !== undefined) {
    result.unreadable = { event: unreadable, reason: 'Events of pgq.sqltriga do not go with this handler.' };
  }
  let at = 0;
  for (const { change, keyColumns } of all) {
    const row = rewritten[at++] as RewrittenRow;
    const oldRow = change.oldRow === null ? null : (rewritten[at++] as RewrittenRow);
    const here = keyColumns.length > 0 ? keyedChange(change, row) : contentChange(change, row, oldRow);
    if (here === undefined) continue;
    result.addChange(change.event, here.operation, here.row, keyColumns, here.oldRow);
  }
  return result;
}

type ChangeHere = Pick<RowChange, 'row' | 'oldRow'> & { readonly operation: KeyOperation };

function keyedChange({ operation }: RowChange, { row, isHere }: RewrittenRow): ChangeHere | undefined {
  if (isHere) return { operation, row, oldRow: null };
  // The source had no row with this key before.
  if (operation === 'insert') return undefined;
  return { operation: 'delete', row, oldRow: null };
}

function contentChange(
  { operation }: RowChange,
  { row, isHere }: RewrittenRow,
  old: RewrittenRow | null,
): ChangeHere | undefined {
  if (old === null) return isHere ? { operation, row, oldRow: null } : undefined;
  if (isHere && old.isHere) return { operation: 'update', row, oldRow: old.row };
  if (isHere) return { operation: 'insert', row, oldRow: null };
  return old.isHere ? { operation: 'delete', row: old.row, oldRow: null } : undefined;
}
