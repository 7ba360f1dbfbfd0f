import { quoteIdentifier } from '../db/identifier.js';
import { onlyNameSql, type TargetColumn, type TargetTable } from './target-table.js';

/*
 * The statements that write rows by key. `t` is the table, `x` the rows, which come in one of two forms.
 */

/** How a statement gets its rows: `$1` is a JSON array of them, or there is one parameter, an array, for each column. */
export type RowsForm = 'json' | 'lists';

/** The rows as `x`. */
function givenSql(form: RowsForm, columns: readonly TargetColumn[]): string {
  return form === 'json' ? rowsSql('$1', 'x', columns) : listsSql(columns);
}

/**
 * Half the server's work of `json_to_recordset`. The arrays come by way of a subquery, for the planner not to count them: many
 * rows would have it read the whole table, which it never pays to do here.
 */
function listsSql(columns: readonly TargetColumn[]): string {
  const names = columns.map(({ name }) => quoteIdentifier(name));
  const lists = columns.map((column, i) => `pg_catalog.unnest(${listSql(column, i + 1)})`);
  const values = columns.map(
    (column, i) => `u.${names[i]}${column.list?.castSql ?? ''}${column.collateSql} as ${names[i]}`,
  );
  return `(select ${values.join(', ')} from rows from (${lists.join(', ')}) as u(${names.join(', ')})) as x`;
}

function listSql({ list }: TargetColumn, parameter: number): string {
  return `(select $${parameter}::${list?.elementSql}[])`;
}

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

/** The value of one column of a row. No length: the assignment to the column checks that. */
export function valueSql(alias: string, column: TargetColumn, form: RowsForm = 'json'): string {
  const value = columnSql(alias, column);
  return column.isJson && form === 'json' ? `${value}::${column.typeSql}` : value;
}

export function columnSql(alias: string, column: TargetColumn): string {
  return `${quoteIdentifier(alias)}.${quoteIdentifier(column.name)}`;
}

/** Takes rows in COPY's text format. Columns that the rows do not have get their defaults. */
export function copySql(table: TargetTable, columns: readonly TargetColumn[]): string {
  return `copy ${table.nameSql} (${columns.map(({ name }) => quoteIdentifier(name)).join(', ')}) from stdin`;
}

/** Inserts every row of a JSON array. Columns that the rows do not have get their defaults. */
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
  form: RowsForm,
): string {
  const isKept = (column: TargetColumn) => key.includes(column) && column.hasExactText;
  const set = columns.filter((column) => !isKept(column) && column.identity !== 'always');
  // PostgreSQL never lets such a column be set, so it must have the value already; if not, the row is not found.
  const unchanged = columns.filter((column) => column.identity === 'always' && !key.includes(column));
  if (set.length === 0) return presentSql(table, [...key, ...unchanged], { form, given: columns });
  return (
    `update ${onlyNameSql(table)} as t set ${assignmentsSql(set, form)} ` +
    `from ${givenSql(form, columns)} where ${equalSql([...key, ...unchanged], form)}`
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

export function assignmentsSql(columns: readonly TargetColumn[], form: RowsForm = 'json'): string {
  return columns
    .map((column) => `${quoteIdentifier(column.name)} = ${valueSql('x', column, form)}`)
    .join(', ');
}

/** Deletes the row of every key. */
export function deleteSql(table: TargetTable, key: readonly TargetColumn[], form: RowsForm): string {
  const [only, ...others] = key;
  if (form === 'lists' && only !== undefined && others.length === 0 && only.list?.castSql === '') {
    // Of one column the index finds them all at once.
    // The cast makes an array of what would be rows.
    const keys = `${listSql(only, 1)}::${only.list.elementSql}[]${only.collateSql}`;
    const found = `${columnSql('t', only)} ${only.equalsSql} any (${keys})`;
    return `delete from ${onlyNameSql(table)} as t where ${found}`;
  }
  return `delete from ${onlyNameSql(table)} as t using ${givenSql(form, key)} where ${equalSql(key, form)}`;
}

/** One row for every row of the table that has these values of one of the rows. `given`: the columns of the rows. */
export function presentSql(
  table: TargetTable,
  columns: readonly TargetColumn[],
  { form, given }: { readonly form: RowsForm; readonly given: readonly TargetColumn[] } = {
    form: 'json',
    given: columns,
  },
): string {
  return `select 1 from ${onlyNameSql(table)} as t, ${givenSql(form, given)} where ${equalSql(columns, form)}`;
}

/** For every row of a JSON array whose key is not in the table: its place in the array, from 1. */
export function missingSql(table: TargetTable, key: readonly TargetColumn[]): string {
  const definitions = key.map(
    (column) => `${quoteIdentifier(column.name)} ${recordTypeSql(column)}${column.collateSql}`,
  );
  // Other names, for a column of the key may have that of the place.
  const names = key.map((_, i) => `k${i}`);
  const equal = key.map((column, i) => {
    const value = column.isJson ? `x.${names[i]}::${column.typeSql}` : `x.${names[i]}`;
    return `${columnSql('t', column)} ${column.equalsSql} ${value}`;
  });
  return (
    'select x.place from rows from (pg_catalog.json_to_recordset($1::pg_catalog.json) ' +
    `as (${definitions.join(', ')})) with ordinality as x(${names.join(', ')}, place) ` +
    `where not exists (select from ${onlyNameSql(table)} as t where ${equal.join(' and ')}) order by x.place`
  );
}

function equalSql(columns: readonly TargetColumn[], form: RowsForm): string {
  return columns.map((column) => equalColumnSql(column, form)).join(' and ');
}

/** True when the table's column equals the rows' column, by the operator of its index. */
export function equalColumnSql(column: TargetColumn, form: RowsForm = 'json'): string {
  return `${columnSql('t', column)} ${column.equalsSql} ${valueSql('x', column, form)}`;
}
