import type { Connection } from '../db/connection.js';

/**
 * The columns that the triggers of tables leave out of the events of a queue (`ignore=` of PgQ's triggers), by oid of the
 * table. Tables whose triggers leave out nothing are not in it.
 */
export async function readIgnoredColumns(
  connection: Connection,
  queueName: string,
  oids: readonly number[],
): Promise<ReadonlyMap<number, ReadonlySet<string>>> {
  const rows = await connection.query<{ oid: number; columns: string[] }>(
    // Arguments are stored one after the other, each with a zero byte behind it.
    String.raw`select t.tgrelid as oid,
            string_to_array(substr(convert_from(decode(a.arg, 'escape'), getdatabaseencoding()), 8), ',') as columns
       from pg_trigger as t
       join pg_proc as p on p.oid = t.tgfoid
       join pg_namespace as n on n.oid = p.pronamespace
      cross join lateral string_to_array(encode(t.tgargs, 'escape'), E'\\000') as s(args)
      cross join lateral unnest(s.args) as a(arg)
      where t.tgrelid = any ($1::int8[]::oid[])
        and not t.tgisinternal
        and t.tgtype & 1 = 1
        and n.nspname = 'pgq'
        and p.proname in ('logutriga', 'sqltriga', 'jsontriga')
        and s.args[1] = $2
        and a.arg like 'ignore=%'`,
    [oids, queueName],
  );
  return new Map(rows.map(({ oid, columns }) => [oid, new Set(columns)]));
}
