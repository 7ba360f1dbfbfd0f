import { quoteIdentifier } from '../db/identifier.js';
import { onlyNameSql, type TargetColumn, type TargetTable } from './target-table.js';

/*
 * The statements that write rows by key. Each takes one parameter: the rows as one JSON array. `t` is the table,
 * `x` the rows.
 */

/** The rows of a JSON array parameter, `$1` or another, as `alias` with these columns. */
export function rowsSql(parameter: string, alias: string, columns: readonly TargetColumn[]): string {
  const name = quoteIdentifier(alias);
  // A record needs a column; a row without columns is a row all the same.
  if (columns.length === 0) return `pg_catalog.json_array_elements(${parameter}::pg_catalog.json) as ${name}`;
  const definitions = columns.map(
    (column) => `${quoteIdentifier(column.name)} ${recordTypeSql(column)}${column.collateSql}`,
  );
  return `pg_catalog.json_to_recordset(${parameter}::pg_catalog.json) as ${name}(${definitions.join(', ')})`;
}

/** Every type is read by its own input function; only the text of json must come as a text first. */
function recordTypeSql(column: TargetColumn): string {
  return column.isJson ? 'pg_catalog.text' : column.typeSql;
}

/** The value of one column of a row of `rowsSql`. No length: the assignment to the column checks that. */
export function valueSql(alias: string, column: TargetColumn): string {
  const value = columnSql(alias, column);
  return column.isJson ? `${value}::${column.typeSql}` : value;
}

export function columnSql(alias: string, column: TargetColumn): string {
  return `${quoteIdentifier(alias)}.${quoteIdentifier(column.name)}`;
}

/** Inserts every row. Columns that the rows do not have get their defaults. */
export function insertSql(table: TargetTable, columns: readonly TargetColumn[]): string {
  const rows = rowsSql('$1', 'x', columns);
  if (columns.length === 0) return `insert into ${table.nameSql} select from ${rows}`;
  const names = columns.map((column) => quoteIdentifier(column.name)).join(', ');
  const values = columns.map((column) => valueSql('x', column)).join(', ');
  return `insert into ${table.nameSql} (${names}) overriding system value select ${values} from ${rows}`;
}

/**
 * Updates the row of every key; columns that the rows do not have keep their values. When there is nothing to set,
 * selects the rows instead, so that a missing one is noticed all the same.
 *
 * Key columns are set too where an equal key can be written in another way (1.0 and 1.00).
 */
export function updateSql(
  table: TargetTable,
  columns: readonly TargetColumn[],
  key: readonly TargetColumn[],
): string {
  const isKept = (column: TargetColumn) => key.includes(column) && column.hasExactText;
  const set = columns.filter((column) => !isKept(column) && column.identity !== 'always');
  // PostgreSQL never lets such a column be set, so it must have the value already; if not, the row is not found.
  const unchanged = columns.filter((column) => column.identity === 'always' && !key.includes(column));
  if (set.length === 0) return presentSql(table, [...key, ...unchanged]);
  const needed = columns.filter(
    (column) => set.includes(column) || key.includes(column) || unchanged.includes(column),
  );
  return (
    `update ${onlyNameSql(table)} as t set ${assignmentsSql(set)} ` +
    `from ${rowsSql('$1', 'x', needed)} where ${equalSql([...key, ...unchanged])}`
  );
}

/**
 * Inserts every row, or updates the one that has its key; touches one row for each, else a row is another than the
 * events say. Columns that the rows do not have keep their values or get their defaults.
 *
 * For a key and columns that `canPut` accepts.
 */
export function putSql(
  table: TargetTable,
  columns: readonly TargetColumn[],
  key: readonly TargetColumn[],
): string {
  const keyNames = key.map(({ name }) => name);
  const unique = table.uniqueKeys.find((names) => names.every((name) => keyNames.includes(name))) ?? [];
  const set = columns.filter(({ identity }) => identity !== 'always');
  const fixed = columns.filter((column) => column.identity === 'always' && !key.includes(column));
  const assignments = set.map(({ name }) => `${quoteIdentifier(name)} = excluded.${quoteIdentifier(name)}`);
  // PostgreSQL never lets such a column be set, so it must have the value already.
  const conditions = fixed.map(
    (column) => `${columnSql('t', column)} ${column.equalsSql} excluded.${quoteIdentifier(column.name)}`,
  );
  const names = columns.map((column) => quoteIdentifier(column.name)).join(', ');
  const values = columns.map((column) => valueSql('x', column)).join(', ');
  return (
    `insert into ${table.nameSql} as t (${names}) overriding system value ` +
    `select ${values} from ${rowsSql('$1', 'x', columns)} ` +
    `on conflict (${unique.map(quoteIdentifier).join(', ')}) do update set ${assignments.join(', ')}` +
    (conditions.length === 0 ? '' : ` where ${conditions.join(' and ')}`)
  );
}

export function assignmentsSql(columns: readonly TargetColumn[]): string {
  return columns.map((column) => `${quoteIdentifier(column.name)} = ${valueSql('x', column)}`).join(', ');
}

/** Deletes the row of every key. */
export function deleteSql(table: TargetTable, key: readonly TargetColumn[]): string {
  return `delete from ${onlyNameSql(table)} as t using ${rowsSql('$1', 'x', key)} where ${equalSql(key)}`;
}

/** One row for every row of the table that has these values of one of the rows. */
export function presentSql(table: TargetTable, columns: readonly TargetColumn[]): string {
  return `select 1 from ${onlyNameSql(table)} as t, ${rowsSql('$1', 'x', columns)} where ${equalSql(columns)}`;
}

function equalSql(columns: readonly TargetColumn[]): string {
  return columns.map(equalColumnSql).join(' and ');
}

/** True when the table's column equals the rows' column, by the operator of its index. */
export function equalColumnSql(column: TargetColumn): string {
  return `${columnSql('t', column)} ${column.equalsSql} ${valueSql('x', column)}`;
}
