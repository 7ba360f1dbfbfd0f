import type { TableColumn } from '../schema/database-object.js';
import type { CompareContext } from './compare-context.js';

/** One way in which values are kept otherwise. */
export interface StorageFacet {
  readonly what: string;
  readonly there: string;
  readonly here: string;
  /** What makes it here what it is there. */
  readonly statement: string;
}

const COMPRESSION_SINCE = 140_000;

/** What only changes how the values of a column are kept; `alter` is how a statement about the column begins. Pure. */
export function storageFacets(
  column: TableColumn,
  other: TableColumn,
  { target, versionThere }: CompareContext,
  alter: string,
): StorageFacet[] {
  const facets: StorageFacet[] = [];
  const add = (what: string, from: string | null, to: string | null, statement: string) => {
    if (from !== to) facets.push({ what, there: from ?? 'as usual', here: to ?? 'as usual', statement });
  };
  if (column.type === other.type) {
    add('storage', column.storage, other.storage, `${alter} SET STORAGE ${column.storage ?? 'DEFAULT'}`);
    if (Math.min(target.version, versionThere) >= COMPRESSION_SINCE) {
      add(
        'compression',
        column.compression,
        other.compression,
        `${alter} SET COMPRESSION ${column.compression ?? 'default'}`,
      );
    }
  }
  const number = (value: number | null) => (value === null ? null : String(value));
  add(
    'statistics target',
    number(column.statistics),
    number(other.statistics),
    `${alter} SET STATISTICS ${column.statistics ?? -1}`,
  );
  const list = (options: readonly string[]) => (options.length === 0 ? null : options.toSorted().join(', '));
  add(
    'planner options',
    list(column.options),
    list(other.options),
    `${alter} ${column.options.length === 0 ? 'RESET (n_distinct, n_distinct_inherited)' : `SET (${column.options.join(', ')})`}`,
  );
  return facets;
}
