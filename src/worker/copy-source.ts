import { openTickSnapshot } from '../copy/tick-snapshot.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TickId } from '../queue/ids.js';
import type { CopyDataPorts } from './copy-job.js';
import type { WorkerOptions } from './worker-options.js';

/**
 * The scripts that a node has run after one of its ticks, by plain SQL: a stock provider has nothing of ours. A row's xmin
 * is its transaction without the epoch, and stays when the row is frozen: very old ones may look new, hence the time.
 */
const SCRIPTS_AFTER = `
  select e.execute_file as name
    from londiste.applied_execute as e
    join pgq.queue as q on q.queue_name = e.queue_name
    join pgq.tick as t on t.tick_queue = q.queue_id and t.tick_id = $2
   cross join lateral (select txid_snapshot_xmax(txid_current_snapshot()) as next_txid) as s
   where e.queue_name = $1
     and e.execute_time > t.tick_time - interval '1 day'
     and not txid_visible_in_snapshot(
             s.next_txid - ((s.next_txid - e.xmin::text::bigint) % 4294967296 + 4294967296) % 4294967296,
             t.tick_snapshot
         )
   order by 1`;

/**
 * A copy shows the provider's table after every script up to its tick; here the table has the shape of the worker's position. Throws
 * PC409 when a script lies between the two; the copy is then tried again, and the worker comes nearer.
 */
async function assertNoScriptAhead(
  reader: Connection,
  tx: Connection,
  { queueName, consumerName }: WorkerOptions,
): Promise<void> {
  const { tick } = await tx.one<{ tick: bigint }>(
    'select completed_tick as tick from pgq_node.get_consumer_state($1, $2)',
    [queueName, consumerName],
  );
  const scripts = await reader.query<{ name: string }>(SCRIPTS_AFTER, [queueName, tick]);
  if (scripts.length === 0) return;
  const names = scripts.map(({ name }) => name).join(', ');
  throw new ReplicateError('PC409', `The copy waits until the worker has come to these scripts: ${names}.`);
}

/** Parts of tables on the root of a combined queue that do not have there what their events say. */
const PARTS_OUT_OF_SYNC = `
    select distinct on (1) coalesce(t.dest_table, t.table_name) as dest, t.queue_name
      from pgq_node.node_info as c
      join pgq_node.node_info as n on n.combined_queue = c.queue_name
      join londiste.table_info as t on t.queue_name = n.queue_name and t.local
     where c.queue_name = $1
       and c.node_type = 'root'
       and coalesce(t.dest_table, t.table_name) = any ($2)
       and (t.merge_state is distinct from 'ok' or t.table_name = any ($3))
     order by 1`;

/** Tables of any queue that are parked on the provider; a node of the original parks none. */
async function readParked(provider: Connection): Promise<string[]> {
  const { ours } = await provider.one<{ ours: boolean }>(
    "select to_regclass('pgcascade.table_error') is not null as ours",
  );
  if (!ours) return [];
  const rows = await provider.query<{ table_name: string }>('select table_name from pgcascade.table_error');
  return rows.map((row) => row.table_name);
}

/** What tables are called on the provider; for one that is not whole there, why: PC401 or PC502. */
export async function findSources(
  provider: Connection,
  queueName: string,
  tableNames: readonly string[],
): Promise<ReadonlyMap<string, string | ReplicateError>> {
  const rows = await provider.query<{
    name: string;
    dest: string;
    local: boolean;
    merge_state: string | null;
  }>(
    `select table_name as name, coalesce(dest_table, table_name) as dest, local, merge_state
       from londiste.get_table_list($1)
      where table_name = any ($2)`,
    [queueName, tableNames],
  );
  const found = new Map(rows.map((row) => [row.name, row]));
  const parts = await provider.query<{ dest: string; queue_name: string }>(PARTS_OUT_OF_SYNC, [
    queueName,
    rows.map(({ dest }) => dest),
    await readParked(provider),
  ]);
  const queueOut = new Map(parts.map((part) => [part.dest, part.queue_name]));
  return new Map<string, string | ReplicateError>(
    tableNames.map((tableName) => {
      const source = found.get(tableName);
      const part = source && queueOut.get(source.dest);
      const refused = (code: 'PC401' | 'PC502', message: string) =>
        [tableName, new ReplicateError(code, `Table ${tableName} is ${message}.`)] as const;
      if (source?.local !== true)
        return refused('PC401', `not replicated by the provider at ${provider.target}`);
      if (source.merge_state !== 'ok') return refused('PC502', 'itself being copied on the provider');
      if (part !== undefined) return refused('PC502', `not in sync with queue "${part}" on the provider`);
      return [tableName, source.dest] as const;
    }),
  );
}

/** The table's name on the provider, where it must be whole. Throws PC401 or PC502. */
export async function findSource(
  provider: Connection,
  queueName: string,
  tableName: string,
): Promise<string> {
  const source = (await findSources(provider, queueName, [tableName])).get(tableName);
  if (typeof source !== 'string') throw source;
  return source;
}

/** Where a copy reads from. */
export interface SnapshotSource {
  /** Makes the tick. */
  readonly anchor: Connection;
  readonly reader: Connection;
  /** Names on the provider, by names in the queue. */
  readonly tables: ReadonlyMap<string, string>;
  /** How long locks may take. */
  readonly deadlineMs?: number;
  /** Told of the tick before others can see it: on a root the worker has not come to it then. */
  readonly onTick?: (tick: TickId) => void;
}

/**
 * Gives the reader the snapshot of a tick and returns that. Throws PC401 and PC502 when one of the provider's tables is not whole in it, PC409
 * when the worker has not come to all scripts that are in it.
 */
export async function takeCopySnapshot(
  { options, signal }: Pick<CopyDataPorts, 'options' | 'signal'>,
  subscriber: Connection,
  { anchor, reader, tables, deadlineMs, onTick }: SnapshotSource,
): Promise<TickId> {
  const { queueName } = options;
  const tick = await openTickSnapshot(anchor, {
    queueName,
    readers: [reader],
    tables: [...tables.values()],
    signal,
    beforeCommit: async (made) => onTick?.(made),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  });
  // A resync of the provider's own may have begun since the first look.
  for (const source of (await findSources(reader, queueName, [...tables.keys()])).values())
    if (typeof source !== 'string') throw source;
  await assertNoScriptAhead(reader, subscriber, options);
  return tick;
}

/** Names of the scripts that have run on a node, or were passed over there. */
export async function readScriptNames(session: Connection, queueName: string): Promise<ReadonlySet<string>> {
  const rows = await session.query<{ name: string }>(
    'select execute_file as name from londiste.applied_execute where queue_name = $1',
    [queueName],
  );
  return new Set(rows.map(({ name }) => name));
}

/**
 * Throws PC502 when a script has run here since `before` was read that is not in the reader's snapshot: what it did to the table would be lost
 * with its rows. To be called with the table locked.
 */
export async function assertNoScriptSince(
  reader: Connection,
  subscriber: Connection,
  queueName: string,
  before: ReadonlySet<string>,
): Promise<void> {
  const since = [...(await readScriptNames(subscriber, queueName))].filter((name) => !before.has(name));
  if (since.length === 0) return;
  const seen = await readScriptNames(reader, queueName);
  const unseen = since.filter((name) => !seen.has(name));
  if (unseen.length === 0) return;
  throw new ReplicateError('PC502', `Scripts have run since the copy's snapshot: ${unseen.join(', ')}.`);
}
