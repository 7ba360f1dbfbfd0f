import type { Connection } from '../db/connection.js';

/** A foreign key from or to replicated tables, as statements. */
export interface ForeignKeyStatements {
  readonly drop: string;
  readonly create: string;
}

/**
 * The foreign keys from or to some tables of this database, as they are now, in the order of their tables. Those of
 * partitions that come from their parent are left out: they go and come with it.
 */
export async function readForeignKeys(
  connection: Connection,
  destTables: readonly string[],
): Promise<ForeignKeyStatements[]> {
  const keys = await connection.query<{
    table: string;
    name: string;
    definition: string;
    partitioned: boolean;
  }>(
    `select format('%I.%I', n.nspname, c.relname) as table, quote_ident(k.conname) as name,
            pg_get_constraintdef(k.oid) as definition, c.relkind = 'p' as partitioned
       from pg_constraint as k
       join pg_class as c on c.oid = k.conrelid
       join pg_namespace as n on n.oid = c.relnamespace
       join pg_class as p on p.oid = k.confrelid
       join pg_namespace as m on m.oid = p.relnamespace
      where k.contype = 'f'
        and coalesce((to_jsonb(k) ->> 'conparentid')::int8, 0) = 0
        and (n.nspname || '.' || c.relname = any ($1) or m.nspname || '.' || p.relname = any ($1))
      order by n.nspname, c.relname, k.conname`,
    [destTables],
  );
  return keys.map(({ table, name, definition, partitioned }) => {
    const target = `alter table ${partitioned ? '' : 'only '}${table}`;
    return {
      drop: `${target} drop constraint ${name};`,
      create: `${target} add constraint ${name} ${definition};`,
    };
  });
}
