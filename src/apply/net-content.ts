import type { KeyOperation } from './net-effect.js';

/** A change of a table without a key: rows are told apart by their content alone. */
export interface ContentChange {
  readonly operation: KeyOperation;
  /** Insert and update: the new row. Delete: the old one. */
  readonly row: string;
  /** Update: the old row. */
  readonly oldRow: string | null;
}

/** Rows to be deleted and then to be inserted, each as often as it is listed. */
export interface NetContent {
  readonly deletes: readonly string[];
  readonly inserts: readonly string[];
}

/**
 * What changes come to when nothing but the number of equal rows counts: an update is a delete and an insert.
 *
 * A row that has to be there at some point is deleted even if it comes back, so that its absence is noticed. Pure.
 */
export function netContent(changes: Iterable<ContentChange>): NetContent {
  const copies = new Map<string, { balance: number; lowest: number }>();
  const add = (row: string, count: 1 | -1) => {
    let known = copies.get(row);
    if (known === undefined) {
      known = { balance: 0, lowest: 0 };
      copies.set(row, known);
    }
    known.balance += count;
    known.lowest = Math.min(known.lowest, known.balance);
  };
  for (const { operation, row, oldRow } of changes) {
    if (operation === 'delete') add(row, -1);
    if (operation === 'update' && oldRow !== null) add(oldRow, -1);
    if (operation !== 'delete') add(row, 1);
  }
  const deletes: string[] = [];
  const inserts: string[] = [];
  for (const [row, { balance, lowest }] of copies) {
    for (let i = 0; i < -lowest; i++) deletes.push(row);
    for (let i = 0; i < balance - lowest; i++) inserts.push(row);
  }
  return { deletes, inserts };
}
