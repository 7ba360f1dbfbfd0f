import type { FaultTree } from './fault-tree.js';
import { NODE_NAMES, type NodeName } from './schedule.js';

/** What a node consists of besides rows: one line for each thing that a fault could leave behind, or take away. */
export type NodeTraces = Readonly<Record<NodeName, readonly string[]>>;

const TRACES = `
  select 'consumer ' || consumer_name from pgq.get_consumer_info($1)
  union all select 'subscriber ' || subscriber_node || ' by ' || worker_name from pgq_node.subscriber_info where queue_name = $1
  union all select 'provider ' || provider_node || case when paused then ', paused' else '' end
    from pgq_node.local_state join pgq_node.node_info using (queue_name) where queue_name = $1 and consumer_name = worker_name
  union all select 'table ' || table_name || ' ' || local || ' ' || coalesce(merge_state, 'new')
         || ' ' || coalesce(table_attrs, '') || ' ' || coalesce(dropped_ddl, '') || ' ' || coalesce(dest_table, '')
    from londiste.table_info where queue_name = $1
  union all select 'sequence ' || seq_name || ' ' || local from londiste.seq_info where queue_name = $1
  union all select 'column ' || attrelid::regclass || ' ' || attname || ' ' || format_type(atttypid, atttypmod) || ' ' || attnotnull
    from pg_attribute join pg_class on pg_class.oid = attrelid
   where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and attnum > 0 and not attisdropped
  union all select indexdef from pg_indexes where schemaname = 'public'
  union all select 'constraint ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    from pg_constraint where connamespace = 'public'::regnamespace and contype <> 'n'
  union all select 'trigger ' || tgrelid::regclass || ' ' || regexp_replace(tgname, '^!pgcascade_[0-9]+_', '') || ' ' || tgenabled::text from pg_trigger
   where not tgisinternal and tgrelid in (select oid from pg_class where relnamespace = 'public'::regnamespace)
  union all select 'saved foreign key ' || fkey_name from londiste.pending_fkeys
  union all select 'parked ' || t::text from pgcascade.table_error as t
  union all select 'waiting ' || w::text from pgcascade.waiting_table as w
  union all select 'snapshot request ' || s::text from pgcascade.snapshot_request as s
  union all select 'ranged copy ' || r::text from pgcascade.ranged_copy as r
  union all select 'copied range ' || r::text from pgcascade.copied_range as r
  union all select 'dropped consumer ' || d::text from pgcascade.dropped_consumer as d
  union all select 'taken off ' || t::text from pgcascade.taken_off as t
  union all select 'prepared transaction ' || gid from pg_prepared_xacts`;

/** What only a running program or a session may have. */
const HELD = `
  select 'session ' || application_name || ' ' || state || ': ' || left(query, 100) from pg_stat_activity
   where application_name like 'pgcascade/%' and application_name not in ('pgcascade/test', 'pgcascade/start')
     and pid <> pg_backend_pid()
  union all select 'advisory lock ' || l.classid || ' of ' || coalesce(a.application_name, '?')
    from pg_locks as l left join pg_stat_activity as a using (pid) where l.locktype = 'advisory'`;

/** What the nodes consist of now. */
export async function readTraces(tree: FaultTree): Promise<NodeTraces> {
  return readLines(tree, TRACES, [tree.queue]);
}

/** Sessions and advisory locks of our programs. */
export async function readHeld(tree: FaultTree): Promise<NodeTraces> {
  return readLines(tree, HELD, []);
}

/** What is too much (`+`) and what is missing (`-`), with the node's name. */
export function tracesChanged(before: NodeTraces, now: NodeTraces): string[] {
  return NODE_NAMES.flatMap((node) => [
    ...now[node].filter((line) => !before[node].includes(line)).map((line) => `${node}: + ${line}`),
    ...before[node].filter((line) => !now[node].includes(line)).map((line) => `${node}: - ${line}`),
  ]);
}

async function readLines(tree: FaultTree, query: string, values: readonly unknown[]): Promise<NodeTraces> {
  const all: Partial<Record<NodeName, readonly string[]>> = {};
  for (const name of NODE_NAMES) {
    const found = await tree
      .node(name)
      .query<{ line: string }>(`select line from (${query}) as l (line) order by 1`, values);
    all[name] = found.map(({ line }) => line);
  }
  return all as NodeTraces;
}
