import type { Connection, Row } from '../db/connection.js';
import { splitName } from '../db/identifier.js';

/** The generated triggers that a table has on this node. */
export interface CapturePlan {
  readonly tableName: string;
  readonly purpose: 'capture' | 'deny';
  readonly mode: string;
  /** Why not by the cheapest way; empty when it is. */
  readonly reason: string;
  /** What the operator wants of the triggers; empty for generated ones. */
  readonly triggerArguments: readonly string[];
}

/** True when the plan has these arguments, in this order; undefined: whatever it has. Pure. */
export function hasTriggerArguments(
  { triggerArguments }: CapturePlan,
  wanted: readonly string[] | undefined,
): boolean {
  if (wanted === undefined) return true;
  return (
    wanted.length === triggerArguments.length &&
    wanted.every((argument, index) => argument === triggerArguments[index])
  );
}

interface PlanRow extends Row {
  readonly table_name: string;
  readonly purpose: 'capture' | 'deny';
  readonly mode: string;
  readonly reason: string;
  readonly trigger_args: string[];
}

/** The capture plans of a queue by name of the table. */
export async function readCapturePlans(
  connection: Connection,
  queueName: string,
): Promise<ReadonlyMap<string, CapturePlan>> {
  const rows = await connection.query<PlanRow>(
    'select table_name, purpose, mode, reason, trigger_args from pgcascade.capture_plan where queue_name = $1',
    [queueName],
  );
  return new Map(
    rows.map(({ table_name: tableName, purpose, mode, reason, trigger_args: triggerArguments }) => [
      tableName,
      { tableName, purpose, mode, reason, triggerArguments },
    ]),
  );
}

/** How one captured table's rows become events. */
export interface CaptureReport {
  readonly tableName: string;
  readonly destTable: string;
  readonly mode: string;
  /** Why not by statement triggers; empty when it is by them. */
  readonly reason: string;
  readonly keyColumns: readonly string[];
  /** The index that is the key; empty without one. */
  readonly keySource: string;
  /** Updates and deletes become events, not inserts only. */
  readonly hasChanges: boolean;
  readonly format: string;
  readonly columns: readonly CapturedColumn[];
}

export interface CapturedColumn {
  readonly name: string;
  readonly type: string;
  /** In which form its values are in an event. */
  readonly travels: string;
  /** `name = value` of what they are written under, whatever the writer's session has. */
  readonly settings: readonly string[];
}

/** A change to a captured table that was made without `execute`, as it was recorded. */
export interface SchemaChange {
  readonly tableName: string;
  readonly outcome: string;
  readonly message: string;
  readonly happenedAt: string;
}

/** The capture plans of a queue's tables as they are now, in order of their names. */
export async function readCaptureReports(
  connection: Connection,
  queueName: string,
): Promise<readonly CaptureReport[]> {
  const rows = await connection.query<{
    table_name: string;
    dest_table: string;
    mode: string;
    reason: string;
    key_columns: string[];
    key_source: string;
    capture_format: string;
    column_name: string;
    column_type: string;
    travels: string;
    settings: string[];
    has_changes: boolean;
  }>(
    `select r.*, p.mode <> 'none' and (f.flags ~ '[UD]' or f.flags !~ 'I') as has_changes
       from pgcascade.capture_report($1) with ordinality as r
       join pgcascade.capture_plan as p on p.queue_name = $1 and p.table_name = r.table_name
      cross join lateral pgcascade.trigger_flags(p.trigger_args) as f(flags)
      order by r.ordinality`,
    [queueName],
  );
  const reports = new Map<string, CaptureReport & { readonly columns: CapturedColumn[] }>();
  for (const row of rows) {
    const report = reports.get(row.table_name) ?? {
      tableName: row.table_name,
      destTable: row.dest_table,
      mode: row.mode,
      reason: row.reason,
      keyColumns: row.key_columns,
      keySource: row.key_source,
      hasChanges: row.has_changes,
      format: row.capture_format,
      columns: [],
    };
    reports.set(row.table_name, report);
    report.columns.push({
      name: row.column_name,
      type: row.column_type,
      travels: row.travels,
      settings: row.settings,
    });
  }
  return [...reports.values()];
}

/** True when this database records such changes: not where an older pgcascade is installed, or none. */
export async function knowsSchemaChanges(connection: Connection): Promise<boolean> {
  const { knows } = await connection.one<{ knows: boolean | null }>(`
    select pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('pgcascade.silent_tables()')::oid, 'execute')
       and pg_catalog.has_table_privilege(pg_catalog.to_regclass('pgcascade.schema_change')::oid, 'select') as knows`);
  return knows === true;
}

/** Captured tables whose triggers are disabled or gone: writes to them are lost to the nodes below. */
export async function readSilentTables(
  connection: Connection,
  queueName: string,
): Promise<readonly string[]> {
  const rows = await connection.query<{ table_name: string }>(
    'select table_name from pgcascade.silent_tables() where queue_name = $1',
    [queueName],
  );
  return rows.map(({ table_name: name }) => name);
}

/**
 * What was changed on the queue's tables without `execute` in the last `days` days, the last first, 20 at most. `last`: of what was
 * said several times of a table only the last.
 */
export async function readSchemaChanges(
  connection: Connection,
  queueName: string,
  days: number,
  which: 'each' | 'last' = 'each',
): Promise<readonly SchemaChange[]> {
  const rows = await connection.query<{
    table_name: string;
    outcome: string;
    message: string;
    happened_at: string;
  }>(
    `select table_name, outcome, message, to_char(happened_at, 'YYYY-MM-DD HH24:MI:SS') as happened_at
       from pgcascade.schema_change as c
      where queue_name = $1 and happened_at > now() - $2 * interval '1 day'
        and not ($3 and exists (
                select from pgcascade.schema_change as l
                 where (l.queue_name, l.table_name, l.message) = (c.queue_name, c.table_name, c.message)
                   and l.change_no > c.change_no))
      order by change_no desc limit 20`,
    [queueName, days, which === 'last'],
  );
  return rows.map((row) => ({
    tableName: row.table_name,
    outcome: row.outcome,
    message: row.message,
    happenedAt: row.happened_at,
  }));
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
