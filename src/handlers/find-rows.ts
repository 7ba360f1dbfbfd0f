import { equalColumnSql, rowsSql } from '../apply/row-statement.js';
import { writerOf } from '../apply/table-writer.js';
import type { TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';

/**
 * The tables in which rows are, by their keys: the table itself, its partitions and what inherits from it. One list for
 * each row, in the order of `rows`. Changes nothing. Throws PC403 when the table lacks a column of the key.
 */
export async function findRows(
  tx: Connection,
  parent: TargetTable,
  keyColumns: readonly string[],
  rows: readonly string[],
): Promise<string[][]> {
  const key = writerOf(parent).key(keyColumns);
  if (key === null) {
    throw new ReplicateError('PC403', `The table ${parent.destTable} lacks a column of the key.`, {
      table: parent.queueTable,
    });
  }
  const found = await tx.query<{ place: bigint; name: string }>(
    `select x."#" as place, n.nspname || '.' || c.relname as name
       from (select x.*, row_number() over () as "#" from ${rowsSql('$1', 'x', key.columns)}) as x
       join ${parent.nameSql} as t
         on ${key.columns.map((column) => equalColumnSql(column)).join(' and ')}
       join pg_class as c
         on c.oid = t.tableoid
       join pg_namespace as n
         on n.oid = c.relnamespace`,
    [`[${rows.join(',')}]`],
  );
  const lists = rows.map((): string[] => []);
  for (const { place, name } of found) lists[Number(place) - 1]?.push(name);
  return lists;
}
