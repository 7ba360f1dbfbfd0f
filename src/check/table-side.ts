import type { TableObject } from '../schema/database-object.js';

/** A table with what its columns take when nothing is said. */
export interface TableSide {
  readonly table: TableObject;
  /** By column. */
  readonly defaults: ReadonlyMap<string, string>;
}
