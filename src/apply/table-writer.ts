import { deleteContentSql, updateContentSql } from './keyless-statement.js';
import { type ColumnSet, RowReader } from './row-reader.js';
import { copySql, deleteSql, insertSql, missingSql, presentSql, putSql, updateSql } from './row-statement.js';
import type { TargetColumn, TargetTable } from './target-table.js';

/** What the events' key columns are on the subscriber. */
export interface TargetKey {
  readonly columns: readonly TargetColumn[];
  /** At most one row can have a key: then a statement that touches n rows for n keys touched one row for each. */
  readonly isUnique: boolean;
  /** Equal keys have equal texts. */
  readonly hasExactText: boolean;
}

/** What the columns of a row are on the subscriber. */
export interface TargetColumns {
  /** Those to be written; generated columns are not. */
  readonly written: readonly TargetColumn[];
  /** Names that the table does not have. */
  readonly unknown: readonly string[];
  /** True when the rows hold every column that can be written: then an update leaves nothing of the old row. */
  readonly isWholeRow: boolean;
}

export type StatementKind =
  | 'copy'
  | 'insert'
  | 'update'
  | 'update-lists'
  | 'put'
  | 'delete'
  | 'delete-lists'
  | 'present'
  | 'missing'
  | 'update-content'
  | 'delete-content';

/** Everything about one table that is worked out once and kept: layouts of rows, keys, statement texts. */
export class TableWriter {
  readonly table: TargetTable;
  readonly reader = new RowReader();
  readonly #byName: ReadonlyMap<string, TargetColumn>;
  readonly #keys = new Map<string, TargetKey | null>();
  readonly #columns = new WeakMap<ColumnSet, TargetColumns>();
  readonly #texts = new WeakMap<TargetColumns | TargetKey, Map<string, string>>();

  /** Use `writerOf`. */
  constructor(table: TargetTable) {
    this.table = table;
    this.#byName = new Map(table.columns.map((column) => [column.name, column]));
  }

  /** Null when the table does not have all of these columns. */
  key(names: readonly string[]): TargetKey | null {
    const id = JSON.stringify(names);
    const known = this.#keys.get(id);
    if (known !== undefined) return known;
    const columns = names.map((name) => this.#byName.get(name)).filter((column) => column !== undefined);
    const key =
      columns.length < names.length
        ? null
        : {
            columns,
            isUnique: this.table.uniqueKeys.some((unique) => unique.every((name) => names.includes(name))),
            hasExactText: columns.every((column) => column.hasExactText),
          };
    this.#keys.set(id, key);
    return key;
  }

  columns(set: ColumnSet): TargetColumns {
    const known = this.#columns.get(set);
    if (known !== undefined) return known;
    const writable = this.table.columns.filter((column) => !column.isGenerated);
    const columns = {
      written: writable.filter((column) => set.names.has(column.name)),
      unknown: [...set.names].filter((name) => !this.#byName.has(name)),
      isWholeRow: writable.every((column) => set.names.has(column.name)),
    };
    this.#columns.set(set, columns);
    return columns;
  }

  /** The text of a statement; which of `columns` and `key` count depends on its kind. */
  text(kind: 'copy' | 'insert' | 'update-content' | 'delete-content', columns: TargetColumns): string;
  text(kind: 'delete' | 'delete-lists' | 'present' | 'missing', key: TargetKey): string;
  text(kind: 'update' | 'update-lists' | 'put', columns: TargetColumns, key: TargetKey): string;
  text(kind: StatementKind, subject: TargetColumns | TargetKey, updateKey?: TargetKey): string {
    let texts = this.#texts.get(subject);
    if (texts === undefined) {
      texts = new Map();
      this.#texts.set(subject, texts);
    }
    const id =
      updateKey === undefined ? kind : `${kind} ${JSON.stringify(updateKey.columns.map(({ name }) => name))}`;
    let text = texts.get(id);
    if (text === undefined) {
      const columns = 'written' in subject ? subject.written : subject.columns;
      text = makeText(kind, this.table, columns, updateKey?.columns ?? columns);
      texts.set(id, text);
    }
    return text;
  }
}

function makeText(
  kind: StatementKind,
  table: TargetTable,
  columns: readonly TargetColumn[],
  key: readonly TargetColumn[],
): string {
  switch (kind) {
    case 'copy':
      return copySql(table, columns);
    case 'insert':
      return insertSql(table, columns);
    case 'update':
      return updateSql(table, columns, key, 'json');
    case 'update-lists':
      return updateSql(table, columns, key, 'lists');
    case 'put':
      return putSql(table, columns, key);
    case 'delete':
      return deleteSql(table, key, 'json');
    case 'delete-lists':
      return deleteSql(table, key, 'lists');
    case 'present':
      return presentSql(table, key);
    case 'missing':
      return missingSql(table, key);
    case 'update-content':
      return updateContentSql(table, columns);
    case 'delete-content':
      return deleteContentSql(table, columns);
  }
}

const writers = new WeakMap<TargetTable, TableWriter>();

/** The writer of a table: one for each object, so a table that was loaded again starts anew. */
export function writerOf(table: TargetTable): TableWriter {
  let writer = writers.get(table);
  if (writer === undefined) {
    writer = new TableWriter(table);
    writers.set(table, writer);
  }
  return writer;
}
