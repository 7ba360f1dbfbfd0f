import { withTableLock } from '../capture/with-table-lock.js';
import { type CopyProgress, copyTable } from '../copy/copy-table.js';
import { openTickSnapshot } from '../copy/tick-snapshot.js';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { forgetDropped } from '../queue/dropped-consumer.js';
import type { TickId } from '../queue/ids.js';
import { beginReplication } from '../replica/begin-replication.js';
import { failpoint } from '../runtime/failpoint.js';
import { requestCopyAnew } from './combined-queue.js';
import { copyConsumerName } from './copy-consumer-name.js';
import { dropForeignKeys } from './foreign-keys.js';
import { assertNothingActs, isUnprivileged, takeOff } from './keep-off.js';
import { emptyMerged, isPartToAdd, skipsTruncate, takePart } from './merged-table.js';
import { openSubscriber } from './open-subscriber.js';
import type { RegisteredTable } from './table-registry.js';
import type { WorkerOptions } from './worker-options.js';

const LOCK_PATIENCE_MS = 60_000;

export interface CopyDataPorts {
  readonly options: WorkerOptions;
  readonly providerNode: string;
  readonly providerLocation: string;
  readonly report: (progress: CopyProgress) => void;
  readonly signal: AbortSignal;
}

/**
 * Copies one table as of a tick and leaves it in the state `catching-up` at that tick, which it returns.
 *
 * The rows, the indexes, the state and the position are one transaction on the subscriber: after a crash the table is
 * as it was before, still waiting for its copy, and the call may be repeated. A table that other queues feed too is
 * emptied in a transaction before: see `emptyMerged`.
 */
export async function copyData(ports: CopyDataPorts, table: RegisteredTable): Promise<TickId> {
  const { options, signal } = ports;
  const { connect, queueName } = options;
  const { handler } = table;
  if (handler instanceof ReplicateError) throw handler;
  const application = `copy/${options.consumerName}`;
  const open: Connection[] = [];
  const keep = async (opening: Promise<Connection>) => {
    const connection = await opening;
    open.push(connection);
    return connection;
  };
  // A stop cuts the connections: the server rolls back, and no statement is waited for.
  const cut = () => {
    for (const connection of open) connection.destroy();
  };
  signal.addEventListener('abort', cut, { once: true });
  try {
    const anchor = await keep(connect(ports.providerLocation, { application, signal }));
    const reader = await keep(connect(ports.providerLocation, { application, signal }));
    const writer = await keep(openSubscriber(connect, options.conninfo, application, signal));
    await assertWaitsForCopy(writer, queueName, table.tableName);
    const sourceTable = await findSource(anchor, queueName, table.tableName);
    await setTableState(writer, queueName, table.tableName, 'in-copy');
    await dropForeignKeys(writer, table.destTable);
    if (await isUnprivileged(writer)) await takeOff(writer, queueName, [table.tableName], options.log);

    const sides = { anchor, reader, sourceTable };
    const tick = (await isPartToAdd(writer, queueName, table))
      ? await addPart(ports, table, writer, sides)
      : ((await copyAlone(ports, table, writer, sides)) ?? (await addPart(ports, table, writer, sides)));
    await failpoint('copy-committed');
    await writer.execute(`analyze ${quoteName(table.destTable)}`);
    return tick;
  } finally {
    signal.removeEventListener('abort', cut);
    await Promise.all(open.map((connection) => connection.close()));
  }
}

interface ProviderSide {
  /** Makes the tick. */
  readonly anchor: Connection;
  /** Reads the rows. */
  readonly reader: Connection;
  /** Name of the table on the provider. */
  readonly sourceTable: string;
}

/** Replaces the rows of a table that this queue feeds alone; undefined when others do too: it is then ready to be added to. */
async function copyAlone(
  ports: CopyDataPorts,
  table: RegisteredTable,
  writer: Connection,
  sides: ProviderSide,
): Promise<TickId | undefined> {
  const { queueName } = ports.options;
  const locking = { tableName: table.destTable, lockTimeoutMs: LOCK_PATIENCE_MS };
  const tick = await withTableLock(writer, locking, async (tx) => {
    await beginReplication(tx);
    await tx.execute(`lock table ${quoteName(table.destTable)} in access exclusive mode`);
    if (await emptyMerged(tx, queueName, table)) return undefined;
    await tx.execute('set local lock_timeout = 0');
    const snapshotTick = await copyRows(ports, table, tx, sides, skipsTruncate(table));
    await takePart(tx, queueName, table.tableName);
    await finishCopy(ports, table, tx, snapshotTick);
    return snapshotTick;
  });
  if (tick === undefined) await failpoint('copy-emptied');
  return tick;
}

/** Adds this queue's rows to those of the others, beside them: the table is not locked against anybody's writes. */
async function addPart(
  ports: CopyDataPorts,
  table: RegisteredTable,
  writer: Connection,
  sides: ProviderSide,
): Promise<TickId> {
  const { queueName } = ports.options;
  return writer.transaction(async (tx) => {
    await beginReplication(tx);
    // Whoever empties the table waits for the end of this transaction.
    await tx.execute(`lock table ${quoteName(table.destTable)} in row exclusive mode`);
    const snapshotTick = await copyRows(ports, table, tx, sides, true);
    if (!(await takePart(tx, queueName, table.tableName))) {
      throw new ReplicateError('PC502', `Table ${table.tableName} was reset while it was copied.`);
    }
    await finishCopy(ports, table, tx, snapshotTick);
    return snapshotTick;
  });
}

/** The copy's consumer and the rows, as of the tick that it returns. */
async function copyRows(
  ports: CopyDataPorts,
  table: RegisteredTable,
  tx: Connection,
  { anchor, reader, sourceTable }: ProviderSide,
  skipTruncate: boolean,
): Promise<TickId> {
  const { signal } = ports;
  const { queueName, consumerName } = ports.options;
  const { handler } = table;
  if (handler instanceof ReplicateError) throw handler;
  const snapshotTick = await openTickSnapshot(anchor, {
    queueName,
    readers: [reader],
    tables: [sourceTable],
    signal,
  });
  // A resync of the provider's own may have begun since the first look.
  await findSource(reader, queueName, table.tableName);
  await assertNoScriptAhead(reader, tx, ports.options);
  const copyConsumer = copyConsumerName(consumerName, table.tableName);
  await anchor.query('select pgq.register_consumer_at($1, $2, $3)', [queueName, copyConsumer, snapshotTick]);
  await forgetDropped(anchor, queueName, copyConsumer);
  await failpoint('copy-snapshot-taken');
  await copyTable({
    reader,
    writer: tx,
    sourceTable,
    destTable: table.destTable,
    queueName,
    tableName: table.tableName,
    handler,
    skipTruncate,
    report: ports.report,
    signal,
  });
  await failpoint('copy-data-written');
  return snapshotTick;
}

/** State and position, in the transaction of the rows. Throws PC502 when the rows are wanted anew. */
async function finishCopy(
  { options, providerNode }: CopyDataPorts,
  table: RegisteredTable,
  tx: Connection,
  tick: TickId,
): Promise<void> {
  const { queueName, consumerName } = options;
  await assertStillInCopy(tx, queueName, table.tableName);
  if (await isUnprivileged(tx)) await assertNothingActs(tx, queueName, [table]);
  await setTableState(tx, queueName, table.tableName, 'catching-up');
  await tellBelow(tx, queueName, table.tableName);
  await tx.query('select pgq_node.register_consumer($1, $2, $3, $4)', [
    queueName,
    copyConsumerName(consumerName, table.tableName),
    providerNode,
    tick,
  ]);
}

/** Nodes below the root of a combined queue hear of rows by events only, and these came without. */
async function tellBelow(tx: Connection, queueName: string, tableName: string): Promise<void> {
  const [combined] = await tx.query<{ queue_name: string }>(
    `select c.queue_name
       from pgq_node.node_info as n
       join pgq_node.node_info as c on c.queue_name = n.combined_queue and c.node_type = 'root'
      where n.queue_name = $1`,
    [queueName],
  );
  if (combined !== undefined) await requestCopyAnew(tx, combined.queue_name, tableName);
}

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

/** Sets a table's state. Throws PC400 when the table was removed meanwhile. */
export async function setTableState(
  tx: Connection,
  queueName: string,
  tableName: string,
  state: string | null,
): Promise<void> {
  const { ret_code } = await tx.one<{ ret_code: number }>(
    'select ret_code from londiste.local_set_table_state($1, $2, null, $3)',
    [queueName, tableName, state],
  );
  if (ret_code !== 200) {
    throw new ReplicateError(
      'PC400',
      `Table ${tableName} is not registered on queue "${queueName}" any more.`,
    );
  }
}

/** A resync that came while the rows were read wants them read again. Throws PC502; the call is then repeated. */
async function assertStillInCopy(tx: Connection, queueName: string, tableName: string): Promise<void> {
  if ((await lockTableState(tx, queueName, tableName)) === 'in-copy') return;
  throw new ReplicateError('PC502', `Table ${tableName} was reset while it was copied.`);
}

/** The table's state, locked against a change until the transaction ends; undefined when it was removed. */
export async function lockTableState(
  tx: Connection,
  queueName: string,
  tableName: string,
): Promise<string | null | undefined> {
  const [row] = await tx.query<{ merge_state: string | null }>(
    'select merge_state from londiste.table_info where queue_name = $1 and table_name = $2 and local for update',
    [queueName, tableName],
  );
  return row?.merge_state;
}

/** The table may have waited long for its turn. Throws PC400 when it was removed, or is in sync, meanwhile. */
async function assertWaitsForCopy(
  subscriber: Connection,
  queueName: string,
  tableName: string,
): Promise<void> {
  const rows = await subscriber.query(
    `select from londiste.table_info
      where queue_name = $1 and table_name = $2 and local and merge_state is distinct from 'ok'`,
    [queueName, tableName],
  );
  if (rows.length === 0) {
    throw new ReplicateError('PC400', `Table ${tableName} does not wait for a copy any more.`);
  }
}

/** A part of a table on the root of a combined queue that does not have there what its events say. */
const PART_OUT_OF_SYNC = `
    select t.queue_name
      from pgq_node.node_info as c
      join pgq_node.node_info as n on n.combined_queue = c.queue_name
      join londiste.table_info as t on t.queue_name = n.queue_name and t.local
     where c.queue_name = $1
       and c.node_type = 'root'
       and coalesce(t.dest_table, t.table_name) = $2
       and (t.merge_state is distinct from 'ok' or t.table_name = any ($3))
     limit 1`;

/** Tables of any queue that are parked on the provider; a node of the original parks none. */
async function readParked(provider: Connection): Promise<string[]> {
  const { ours } = await provider.one<{ ours: boolean }>(
    "select to_regclass('pgcascade.table_error') is not null as ours",
  );
  if (!ours) return [];
  const rows = await provider.query<{ table_name: string }>('select table_name from pgcascade.table_error');
  return rows.map((row) => row.table_name);
}

/** The table's name on the provider, where it must be whole. Throws PC401 or PC502. */
async function findSource(provider: Connection, queueName: string, tableName: string): Promise<string> {
  const [source] = await provider.query<{ dest: string; local: boolean; merge_state: string | null }>(
    `select coalesce(dest_table, table_name) as dest, local, merge_state
       from londiste.get_table_list($1)
      where table_name = $2`,
    [queueName, tableName],
  );
  if (!source?.local) {
    throw new ReplicateError(
      'PC401',
      `Table ${tableName} is not replicated by the provider at ${provider.target}.`,
    );
  }
  if (source.merge_state !== 'ok') {
    throw new ReplicateError('PC502', `Table ${tableName} is itself being copied on the provider.`);
  }
  const [part] = await provider.query<{ queue_name: string }>(PART_OUT_OF_SYNC, [
    queueName,
    source.dest,
    await readParked(provider),
  ]);
  if (part !== undefined) {
    throw new ReplicateError(
      'PC502',
      `Table ${tableName} is not in sync with queue "${part.queue_name}" on the provider.`,
    );
  }
  return source.dest;
}
