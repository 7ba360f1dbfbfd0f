import type { Connection, Row } from '../db/connection.js';
import { splitName } from '../db/identifier.js';

/** The generated triggers that a table has on this node. */
export interface CapturePlan {
  readonly tableName: string;
  readonly purpose: 'capture' | 'deny';
  readonly mode: string;
  /** Why not by the cheapest way; empty when it is. */
  readonly reason: string;
}

interface PlanRow extends Row {
  readonly table_name: string;
  readonly purpose: 'capture' | 'deny';
  readonly mode: string;
  readonly reason: string;
}

/** The capture plans of a queue by name of the table. */
export async function readCapturePlans(
  connection: Connection,
  queueName: string,
): Promise<ReadonlyMap<string, CapturePlan>> {
  const rows = await connection.query<PlanRow>(
    'select table_name, purpose, mode, reason from pgcascade.capture_plan where queue_name = $1',
    [queueName],
  );
  return new Map(
    rows.map(({ table_name: tableName, purpose, mode, reason }) => [
      tableName,
      { tableName, purpose, mode, reason },
    ]),
  );
}

/** True when the table has a trigger of PgQ for this queue, as the original makes them. */
export async function hasStockTrigger(
  connection: Connection,
  queueName: string,
  destTable: string,
): Promise<boolean> {
  const { schema, name } = splitName(destTable);
  const { found } = await connection.one<{ found: boolean }>(
    String.raw`select exists (
        select 1
          from pg_trigger as t
          join pg_proc as p on p.oid = t.tgfoid
          join pg_namespace as pn on pn.oid = p.pronamespace
          join pg_class as c on c.oid = t.tgrelid
          join pg_namespace as cn on cn.oid = c.relnamespace
         where pn.nspname = 'pgq'
           and p.proname in ('logutriga', 'sqltriga', 'jsontriga', 'logtriga')
           and split_part(encode(t.tgargs, 'escape'), E'\\000', 1) = $1
           and cn.nspname = $2
           and c.relname = $3
    ) as found`,
    [queueName, schema, name],
  );
  return found;
}

/** True when the table has a trigger that makes an insert an event and no row, for whichever queue. */
export async function skipsWrites(connection: Connection, destTable: string): Promise<boolean> {
  const { schema, name } = splitName(destTable);
  const { found } = await connection.one<{ found: boolean }>(
    String.raw`select exists (
        select 1
          from pg_trigger as t
          join pg_proc as p on p.oid = t.tgfoid
          join pg_namespace as pn on pn.oid = p.pronamespace
          join pg_class as c on c.oid = t.tgrelid
          join pg_namespace as cn on cn.oid = c.relnamespace
         where pn.nspname = 'pgq'
           and p.proname in ('logutriga', 'sqltriga', 'jsontriga')
           and position('\x00534b495000'::bytea in t.tgargs) > 0
           and cn.nspname = $1
           and c.relname = $2
    ) as found`,
    [schema, name],
  );
  return found;
}
