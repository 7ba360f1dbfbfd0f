import { quoteIdentifier, quoteName } from '../db/identifier.js';

/**
 * Which rows and columns of a provider's table a node has, and what is made of the values: SQL over the provider's
 * columns by their names. It must give the same on every server of the cascade.
 */
export interface RowSelection {
  /** Rows for which one of these is not true are not here. */
  readonly where: readonly string[];
  /** The columns that are here; undefined: all. */
  readonly columns: readonly string[] | undefined;
  /** Columns whose values are others here. */
  readonly values: ReadonlyMap<string, ColumnValue>;
  /** Session settings that the SQL reads: name → value. Not part of the SQL, so that no log shows them. */
  readonly settings: ReadonlyMap<string, string>;
  /** Columns whose texts the SQL looks at: they must be the same on every server and version. */
  readonly textColumns: readonly string[];
  /** TRUNCATE on the provider is not done here. */
  readonly ignoresTruncate: boolean;
}

/** What the value of a column is made by: integers, uuids and all others may have to be made in different ways. */
export type ValueKind = 'integer' | 'uuid' | 'text';

/** The kind of a type by its name as format_type gives it. */
export function kindOfType(type: string): ValueKind {
  if (['smallint', 'integer', 'bigint'].includes(type)) return 'integer';
  return type === 'uuid' ? 'uuid' : 'text';
}

/** The value of a column here: an SQL expression and its type, made from the column and its kind on the provider. */
export type ColumnValue = (
  reference: string,
  kind: ValueKind,
) => {
  readonly sql: string;
  /** A value of kind integer is a bigint. */
  readonly kind: ValueKind;
  readonly isAlwaysNull?: true;
};

/** The table as it is. */
export const WHOLE_TABLE: RowSelection = {
  where: [],
  columns: undefined,
  values: new Map(),
  settings: new Map(),
  textColumns: [],
  ignoresTruncate: false,
};

/** True when not every row of the provider is here. */
export function isPartial({ where }: RowSelection): boolean {
  return where.length > 0;
}

/** True when rows come through as they are. */
export function isWholeTable({ where, columns, values }: RowSelection): boolean {
  return where.length === 0 && columns === undefined && values.size === 0;
}

/** True for a column of the provider that is here. */
export function hasColumn({ columns }: RowSelection, name: string): boolean {
  return columns === undefined || columns.includes(name);
}

/** The condition for rows that are here, over columns without an alias; a comment in it ends with it. */
export function conditionSql({ where }: RowSelection): string {
  return where.map((part) => `(${part}\n)`).join(' and ');
}

/** What the row of the provider is here: the select list, and the condition when there is one. */
export function selectedSql(
  selection: RowSelection,
  columns: readonly { readonly name: string; readonly kind: ValueKind }[],
  table: { readonly name: string; readonly isPartitioned: boolean },
  extra: readonly string[] = [],
): string {
  const items = columns
    .filter(({ name }) => hasColumn(selection, name))
    .map(({ name, kind }) => {
      const reference = quoteIdentifier(name);
      const value = selection.values.get(name);
      return value === undefined ? reference : `${value(reference, kind).sql} as ${reference}`;
    });
  const from = `${table.isPartitioned ? '' : 'only '}${quoteName(table.name)}`;
  const where = isPartial(selection) ? ` where ${conditionSql(selection)}` : '';
  return `select ${[...extra, ...items].join(', ')} from ${from}${where}`;
}
