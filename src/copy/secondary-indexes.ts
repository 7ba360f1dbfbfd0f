import type { Connection } from '../db/connection.js';
import { quoteLiteral, quoteName } from '../db/identifier.js';

/** One index that is built after the data. */
export interface SecondaryIndex {
  readonly name: string;
  readonly drop: string;
  readonly create: string;
  /** What goes with it, when it is there. */
  readonly finish: readonly string[];
}

/**
 * The indexes of a plain table that no constraint stands on: dropped before the data and built after it, in the
 * copy's own transaction, so that a crash loses none. Keys stay; foreign keys and replica identity may stand on them.
 */
export async function findSecondaryIndexes(tx: Connection, tableName: string): Promise<SecondaryIndex[]> {
  const rows = await tx.query<{
    name: string;
    definition: string;
    comment: string | null;
    clustered: boolean;
  }>(
    `select x.indexrelid::regclass::text as name,
            pg_get_indexdef(x.indexrelid) as definition,
            obj_description(x.indexrelid, 'pg_class') as comment,
            x.indisclustered as clustered
       from pg_index as x
       join pg_class as i on i.oid = x.indexrelid
       join pg_class as t on t.oid = x.indrelid
      where x.indrelid = to_regclass($1)
        and t.relkind = 'r'
        and not t.relispartition
        and x.indisvalid
        and not x.indisprimary
        and not x.indisreplident
        and not exists (select 1 from pg_constraint as c where c.conindid = x.indexrelid)
        and not exists (select 1 from pg_depend as d where d.refobjid = x.indexrelid and d.deptype <> 'i')
        -- A statistics target of an expression column would be lost with the index.
        and not exists (
            select 1 from pg_attribute as a where a.attrelid = x.indexrelid and coalesce(a.attstattarget, -1) >= 0)
      order by i.relname`,
    [quoteName(tableName)],
  );
  return rows.map((row) => ({
    name: row.name,
    drop: `drop index ${row.name}`,
    create: row.definition,
    finish: [
      ...(row.comment === null ? [] : [`comment on index ${row.name} is ${quoteLiteral(row.comment)}`]),
      ...(row.clustered ? [`alter table ${quoteName(tableName)} cluster on ${unqualified(row.name)}`] : []),
    ],
  }));
}

function unqualified(name: string): string {
  const match = /("(?:[^"]|"")*"|[^".]+)$/.exec(name);
  return match?.[0] ?? name;
}
