import type { QueueEvent } from '../queue/event.js';
import type { KeyOperation } from './net-effect.js';
import type { ColumnSet, LocatedRow } from './row-reader.js';

/** One row event as apply works with it, whichever trigger wrote it. */
export interface RowChange {
  readonly event: QueueEvent;
  readonly operation: KeyOperation;
  /** The key's values as JSON texts; empty when the table has no key. */
  readonly key: string;
  /** JSON object: the new row, or for a delete at least the key, without a key the whole old row. */
  readonly row: string;
  /** JSON object: for an update without a key the old row. */
  readonly oldRow: string | null;
  /** `row`, read; undefined for a delete by key, of which no more than the key is looked at. */
  readonly located: LocatedRow | undefined;
}

/** Changes that one set of statements can write: same key columns, and the same columns in every row. */
export interface RowSection {
  readonly kind: 'rows';
  readonly keyColumns: readonly string[];
  /** The columns of the rows; undefined while there are only deletes by key, which need no more than the key. */
  columns: ColumnSet | undefined;
  readonly changes: RowChange[];
}

/** A change that came as a piece of SQL: it can only be run as it is. */
export interface SqlChange {
  readonly event: QueueEvent;
  readonly operation: KeyOperation;
  readonly key: null;
  readonly statement: string;
}

export interface SqlSection {
  readonly kind: 'sql';
  readonly changes: SqlChange[];
}

export type Section = RowSection | SqlSection;
