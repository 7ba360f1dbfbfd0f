import { assignmentsSql, columnSql, equalColumnSql, rowsSql, valueSql } from './row-statement.js';
import { onlyNameSql, type TargetColumn, type TargetTable } from './target-table.js';

/*
 * The statements for rows that only their whole content tells apart. Of several equal rows each event touches exactly
 * one, and it does not matter which: equal is by text, so that types without an equality operator work and 1.0 is
 * never taken for 1.00.
 */

/** Deletes, for every row of the parameter `$1` (a JSON array), one row with this content. One pass over the table. */
export function deleteContentSql(table: TargetTable, columns: readonly TargetColumn[]): string {
  const target = onlyNameSql(table);
  const image = contentSql(columns, (column) => storedValueSql('w', column));
  const stored = contentSql(columns, (column) => columnSql('t', column));
  const found =
    `with wanted as (select ${image} as image, pg_catalog.count(*) as copies ` +
    `from ${rowsSql('$1', 'w', columns)} group by 1), ` +
    'found as (select t.tableoid as part, t.ctid as place, s.copies, ' +
    'pg_catalog.row_number() over (partition by s.image) as copy ' +
    `from ${target} as t join wanted as s on s.image = ${stored})`;
  if (table.relkind === 'r') {
    // An array of places is looked up row by row; a join by place would sort the whole table before PostgreSQL 14.
    return (
      `${found} delete from ${target} as t ` +
      'where t.ctid = any (array(select f.place from found as f where f.copy <= f.copies))'
    );
  }
  // A place says nothing without its partition. As a text it can be hashed, which places can only since 14.
  return (
    `${found} delete from ${target} as t using found as f where t.tableoid = f.part ` +
    'and t.ctid::pg_catalog.text = f.place::pg_catalog.text and f.copy <= f.copies'
  );
}

/** Updates one row that has the content of the one row in `$1` to the one row in `$2` (both JSON arrays). */
export function updateContentSql(table: TargetTable, columns: readonly TargetColumn[]): string {
  const target = onlyNameSql(table);
  const matches = columns.map((column) =>
    column.hasExactText
      ? `${columnSql('o', column)} is not distinct from ${storedValueSql('w', column)}`
      : `${columnSql('o', column)}::pg_catalog.text is not distinct from ${storedValueSql('w', column)}::pg_catalog.text`,
  );
  const found =
    `from ${target} as o, ${rowsSql('$1', 'w', columns)} ` +
    `where ${matches.join(' and ') || 'true'} limit 1`;
  const set = columns.filter((column) => column.identity !== 'always');
  // PostgreSQL never lets such a column be set, so it must have the value already; if not, the row is not found.
  const unchanged = columns
    .filter((column) => column.identity === 'always')
    .map((column) => equalColumnSql(column));
  const isFound = [
    't.ctid = any (array(select v.place from victim as v))',
    't.tableoid = any (array(select v.part from victim as v))',
    ...unchanged,
  ];
  const action =
    set.length === 0
      ? `select 1 from ${target} as t,`
      : `update ${target} as t set ${assignmentsSql(set)} from`;
  return (
    `with victim as (select o.tableoid as part, o.ctid as place ${found}) ` +
    `${action} ${rowsSql('$2', 'x', columns)} where ${isFound.join(' and ')}`
  );
}

function contentSql(columns: readonly TargetColumn[], part: (column: TargetColumn) => string): string {
  return `row(${columns.map(part).join(', ')})::pg_catalog.text`;
}

/** The value as the column stores it, so that its text is the stored text: `1.5` is `1.50` in numeric(5,2). */
function storedValueSql(alias: string, column: TargetColumn): string {
  return `${valueSql(alias, column)}::${column.storedTypeSql}`;
}
