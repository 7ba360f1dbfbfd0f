import { type KeyOperation, netChanges } from '../../src/apply/net-effect.js';
import type { EventFields } from './apply-fixture.js';
import { rowEvent } from './apply-fixture.js';

/** All values as texts. */
export type Cells = Readonly<Record<string, string | null>>;

export interface ModelTable {
  readonly name: string;
  /** `create table` without its name. */
  readonly definition: string;
  readonly columns: readonly string[];
  readonly key: readonly string[];
  /** Unique constraints of the subscriber's table. */
  readonly unique: readonly (readonly string[])[];
  /** Columns whose equal values may have different texts. */
  readonly numeric?: readonly string[];
  /** The values that histories use. */
  readonly values: Readonly<Record<string, readonly (string | null)[]>>;
  /** What a column holds that no event has. */
  readonly defaults?: Cells;
}

export interface ModelChange {
  readonly operation: 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE';
  readonly row: Cells;
  readonly oldRow: Cells;
}

/** What PostgreSQL would do with the events one after the other: the rows, and the change that cannot be done. */
export function rowByRow(
  table: ModelTable,
  before: readonly Cells[],
  changes: readonly ModelChange[],
  { ignoresMissing = false } = {},
): {
  readonly rows: readonly Cells[];
  readonly failedAt: number | undefined;
  /** The changes whose rows were not there. */
  readonly leftOut: readonly ModelChange[];
} {
  let rows = [...before];
  const leftOut: ModelChange[] = [];
  const truncatedAt = changes.findLastIndex(({ operation }) => operation === 'TRUNCATE');
  for (const [i, change] of changes.entries()) {
    if (i < truncatedAt) continue;
    if (ignoresMissing && matchesOf(table, rows, change)?.length === 0) {
      leftOut.push(change);
      continue;
    }
    const next = afterChange(table, rows, change);
    if (next === undefined) return { rows: before, failedAt: i, leftOut: [] };
    rows = next;
  }
  return { rows, failedAt: undefined, leftOut };
}

/**
 * Where the changes end when nothing but the last state of each key (of each content, without a key) counts; undefined
 * when not even that can be had. A source cannot have made changes that end otherwise than row by row.
 */
export function byLastState(
  table: ModelTable,
  before: readonly Cells[],
  changes: readonly ModelChange[],
): readonly Cells[] | undefined {
  const own = changes.slice(changes.findLastIndex(({ operation }) => operation === 'TRUNCATE') + 1);
  let rows: Cells[] | undefined = own.length < changes.length ? [] : [...before];
  if (table.key.length === 0) return undefined;
  const keyed = own.map((change) => ({
    operation: change.operation.toLowerCase() as KeyOperation,
    key: JSON.stringify(
      table.key.map((column) => (change.operation === 'DELETE' ? change.oldRow : change.row)[column]),
    ),
    change,
  }));
  const net = netChanges(keyed);
  if (net === undefined) return undefined;
  const replaced = [...net.update, ...net.replace];
  const isThere = ({ change }: { change: ModelChange }) =>
    rows?.some((known) =>
      isSameRow(table, known, change.operation === 'DELETE' ? change.oldRow : change.row, change.oldRow),
    );
  if (net.nothing.some(isThere)) return undefined;
  for (const { change } of [...net.delete, ...replaced]) {
    const oldRow = change.operation === 'DELETE' ? change.oldRow : change.row;
    rows = rows && afterChange(table, rows, { operation: 'DELETE', row: oldRow, oldRow });
  }
  for (const { change } of [...net.insert, ...replaced]) {
    rows = rows && afterChange(table, rows, { ...change, operation: 'INSERT' });
  }
  return rows;
}

/** The rows after one change; undefined when it cannot be done. */
export function afterChange(
  table: ModelTable,
  rows: readonly Cells[],
  { operation, row, oldRow }: ModelChange,
): Cells[] | undefined {
  if (operation === 'TRUNCATE') return [];
  if (operation === 'INSERT') return checked(table, [...rows, { ...table.defaults, ...row }]);
  const matches = matchesOf(table, rows, { operation, row, oldRow }) ?? [];
  const [match] = matches;
  if (match === undefined || (table.key.length > 0 && matches.length > 1)) return undefined;
  const others = rows.filter((known) => known !== match);
  return operation === 'DELETE' ? others : checked(table, [...others, { ...match, ...row }]);
}

/** The rows that an update or delete means; undefined for others. */
function matchesOf(
  table: ModelTable,
  rows: readonly Cells[],
  { operation, row, oldRow }: ModelChange,
): Cells[] | undefined {
  if (operation !== 'UPDATE' && operation !== 'DELETE') return undefined;
  return rows.filter((known) => isSameRow(table, known, operation === 'UPDATE' ? row : oldRow, oldRow));
}

/** The changes, without those that mean a row which is not there when they come, whatever becomes of the others. */
export function ofPresentRows(
  table: ModelTable,
  before: readonly Cells[],
  changes: readonly ModelChange[],
): ModelChange[] {
  const keyOf = (row: Cells) => JSON.stringify(table.key.map((column) => row[column]));
  let present = new Set(before.map(keyOf));
  return changes.filter(({ operation, row, oldRow }) => {
    if (operation === 'TRUNCATE') present = new Set();
    const key = keyOf(operation === 'DELETE' ? oldRow : row);
    if (operation === 'INSERT') present.add(key);
    else if (operation !== 'TRUNCATE' && !present.has(key)) return false;
    if (operation === 'DELETE') present.delete(key);
    return true;
  });
}

function isSameRow(table: ModelTable, known: Cells, row: Cells, oldRow: Cells): boolean {
  if (table.key.length === 0) return table.columns.every((column) => known[column] === oldRow[column]);
  return table.key.every((column) => isEqual(table, column, known[column], row[column]));
}

function isEqual(table: ModelTable, column: string, a?: string | null, b?: string | null): boolean {
  return table.numeric?.includes(column) === true ? Number(a) === Number(b) : a === b;
}

function checked(table: ModelTable, rows: Cells[]): Cells[] | undefined {
  const last = rows.at(-1);
  const isDuplicate = table.unique.some((columns) =>
    rows
      .slice(0, -1)
      .some((row) =>
        columns.every(
          (column) => last?.[column] !== null && isEqual(table, column, row[column], last?.[column]),
        ),
      ),
  );
  return isDuplicate ? undefined : rows;
}

/** The event that our trigger writes for the change: values as JSON strings, which every type reads. */
export function eventOf(table: ModelTable, { operation, row, oldRow }: ModelChange): EventFields {
  const name = `public.${table.name}`;
  if (operation === 'TRUNCATE') return rowEvent(operation, name, table.key, {});
  if (table.key.length === 0) {
    return rowEvent(
      operation,
      name,
      [],
      operation === 'DELETE' ? oldRow : row,
      operation === 'UPDATE' ? oldRow : undefined,
    );
  }
  if (operation === 'DELETE') {
    return rowEvent(
      operation,
      name,
      table.key,
      Object.fromEntries(table.key.map((column) => [column, oldRow[column]])),
    );
  }
  return rowEvent(operation, name, table.key, row);
}
