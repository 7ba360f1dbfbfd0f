import { callApi } from '../cascade/call-api.js';
import { registerLocation } from '../cascade/location.js';
import type { Member, MemberSessions } from '../cascade/member-sessions.js';
import { lockPlaces } from '../cascade/place-lock.js';
import { tagNode } from '../cascade/tag-node.js';
import { gravestoneName } from '../cascade/take-over-dead.js';
import { openTickSnapshot } from '../copy/tick-snapshot.js';
import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { readHandlerText } from '../handlers/handler-text.js';
import { type TickId, tickId } from '../queue/ids.js';
import { setReplicationRole } from '../replica/replication-role.js';
import { type ReplicatedTable, readTables } from '../replica/table-list.js';
import { failpoint } from '../runtime/failpoint.js';
import { sleep } from '../runtime/sleep.js';
import { type LostEvents, saveLostEvents } from './lost-events.js';
import { replaceRows } from './replace-rows.js';

/** Below the server's deadlock_timeout: not who reads the tables has to give way, but we. */
const LOCK_TRY_MS = 900;
const LOCK_PAUSE_MS = 500;
const LOCK_PATIENCE_MS = 60_000;

export interface ResurrectOptions {
  readonly connect: Connect;
  /** Where the events go that the new root never got. */
  readonly file: string;
  readonly report: (sentence: string) => void;
}

/**
 * Brings a root back that was thought to be dead, as a branch below the node that has taken its place.
 *
 * The events that had not left it are saved in a file and undone: the rows that they are about are fetched from the
 * new root, as of one tick, and everything else comes by the queue. Only tables whose events do not tell the rows are
 * copied anew. All that changes on this node is one transaction; before it nothing is lost, after it the repeated call
 * finishes the registration. May be repeated.
 *
 * Throws PC312 when no node has taken this node's place or other queues are merged into it, PC305 when this node does not have the tick from which the
 * other one went on, PC208 when another command gives this node a place, or tables from which triggers are to be taken off stay locked by others.
 */
export async function resurrect(sessions: MemberSessions, options: ResurrectOptions): Promise<void> {
  const { queueName, localName } = sessions;
  await using _ = await lockPlaces(sessions, [localName]);
  const self = await sessions.look(localName);
  if (self.node.mergedQueues.length > 0) {
    throw new ReplicateError(
      'PC312',
      `Other queues are merged into "${queueName}" in the database of "${localName}", and go on where the new root had merged them: ` +
        'what this node has got beside that cannot be undone. Make it and its leaves anew.',
    );
  }
  const successor = await findSuccessor(sessions, self);
  const successorName = successor.node.nodeName;
  if (self.node.nodeType === 'root') {
    const position = await readGravestone(successor.connection, queueName, localName);
    await checkPosition(self.connection, queueName, position);
    await callApi(self.connection, 'pgq_node.demote_root', [queueName, 1, null]);
    await callApi(self.connection, 'pgq_node.demote_root', [queueName, 2, null]);
    await failpoint('resurrect-closed');
    const lost = await saveLostEvents(
      self.connection,
      queueName,
      `${localName}.dumper`,
      position,
      options.file,
    );
    options.report(
      `${lost.count} row events after tick ${position} had not left this node; they are in ${options.file}.`,
    );
    await failpoint('resurrect-saved');
    // The worker may look for its place on the new root as soon as this node is a branch.
    await successor.connection.query('select pgq.register_consumer_at($1, $2, $3)', [
      queueName,
      self.node.workerName,
      position,
    ]);
    await rejoinPatiently(sessions, () => rejoin(sessions, self, successor, position, lost, options));
    options.report(`Node "${localName}" is a branch below "${successorName}", at tick ${position}.`);
  }
  await failpoint('resurrect-rejoined');
  await replaceGravestone(self, successor, sessions);
  await failpoint('resurrect-registered');
  await tagNode(sessions, localName, false, options.report);
}

/** The root that keeps this node's gravestone, or, when that has been replaced already, its subscription. */
async function findSuccessor(sessions: MemberSessions, self: Member): Promise<Member> {
  const { seen, unreachable } = await sessions.lookAtAll();
  const root = seen.find(
    ({ node, subscribers }) =>
      node.nodeType === 'root' &&
      node.nodeName !== sessions.localName &&
      subscribers.some(({ nodeName }) => nodeName === sessions.localName),
  );
  if (root !== undefined) return root;
  const hint = unreachable.length === 0 ? '' : ` These cannot be reached: ${unreachable.join(', ')}.`;
  throw new ReplicateError('PC312', `No other root keeps events for node "${self.node.nodeName}".${hint}`);
}

async function readGravestone(root: Connection, queueName: string, nodeName: string): Promise<TickId> {
  const [row] = await root.query<{ last_tick: bigint }>(
    'select last_tick from pgq.get_consumer_info($1, $2)',
    [queueName, gravestoneName(nodeName)],
  );
  if (row !== undefined) return tickId(row.last_tick);
  throw new ReplicateError('PC312', `At ${root.target} there is no consumer ${gravestoneName(nodeName)}.`);
}

async function checkPosition(connection: Connection, queueName: string, position: TickId): Promise<void> {
  const rows = await connection.query(
    `select from pgq.tick as t join pgq.queue as q on q.queue_id = t.tick_queue
      where q.queue_name = $1 and t.tick_id = $2`,
    [queueName, position],
  );
  if (rows.length > 0) return;
  throw new ReplicateError(
    'PC305',
    `The new root went on from tick ${position}, which this node does not have (any more).`,
  );
}

/** Tries again while somebody who reads the tables is in the way. Throws PC208 in the end; nothing has happened then. */
async function rejoinPatiently(
  { signal, localName }: MemberSessions,
  rejoinOnce: () => Promise<void>,
): Promise<void> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    try {
      return await rejoinOnce();
    } catch (error) {
      const state = sqlstateOf(error);
      if (state !== SQLSTATE.lockNotAvailable && state !== SQLSTATE.deadlockDetected) throw error;
      if (performance.now() >= deadline) {
        throw new ReplicateError(
          'PC208',
          `Tables of node "${localName}" could not be locked within ${LOCK_PATIENCE_MS / 1000} s: ${(error as Error).message}.`,
          {},
          { cause: error },
        );
      }
    }
    await sleep(LOCK_PAUSE_MS, signal);
    signal?.throwIfAborted();
  }
}

/** The one transaction on this node. */
async function rejoin(
  sessions: MemberSessions,
  self: Member,
  successor: Member,
  position: TickId,
  lost: LostEvents,
  { connect, report }: ResurrectOptions,
): Promise<void> {
  const { queueName, localName, signal } = sessions;
  const here = await readTables(self.connection, queueName);
  const there = new Map(
    (await readTables(successor.connection, queueName)).map((table) => [table.name, table]),
  );
  const touched = here.filter(
    ({ name, isLocal }) => isLocal && (lost.tables.has(name) || lost.unknown.has(name)),
  );
  const mendable = touched.filter(
    ({ name, attrs }) =>
      // Rows that a handler has chosen or changed are not those of the new root.
      !lost.unknown.has(name) && there.get(name)?.state.kind === 'ok' && readHandlerText(attrs) === undefined,
  );

  const location = await sessions.location(successor.node.nodeName);
  await using reader = await connect(location.location, { application: `resurrect/${localName}`, signal });
  const snapshotTick = await openTickSnapshot(successor.connection, { queueName, readers: [reader], signal });
  await self.connection.transaction(async (tx) => {
    if (!(await setReplicationRole(tx, 'replica', 'transaction'))) {
      // As its worker would do; that puts it back when it finds that it need not.
      await tx.query(
        'insert into pgcascade.unprivileged_worker (queue_name) values ($1) on conflict do nothing',
        [queueName],
      );
      const { limit } = await tx.one<{ limit: string }>("select current_setting('lock_timeout') as limit");
      await tx.execute(`set local lock_timeout = ${LOCK_TRY_MS}`);
      await tx.query("select pgcascade.begin_replication(), pgcascade.take_all_off($1, '{}')", [queueName]);
      await tx.query("select set_config('lock_timeout', $1, true)", [limit]);
    }
    for (const table of mendable) await mend(tx, reader, queueName, table, there, lost, snapshotTick);
    for (const table of touched) {
      if (mendable.includes(table)) continue;
      await callApi(tx, 'londiste.local_set_table_state', [queueName, table.name, null, null]);
      report(`Table ${table.name} will be copied anew: the lost events do not tell its rows.`);
    }
    await forgetLostEvents(tx, queueName, position);
    for (const { nodeName } of self.subscribers) {
      await callApi(tx, 'pgq_node.unregister_subscriber', [queueName, nodeName]);
    }
    await callApi(tx, 'pgq_node.demote_root', [queueName, 3, successor.node.nodeName]);
    await registerLocation(tx, queueName, { ...location, isDead: false });
    await tx.query("select pg_notify('pgcascade_tables', $1)", [queueName]);
  });
  await reader.execute('rollback');
}

/** Gives the touched rows of one table the new root's values, and lets the worker leave out what brought them there. */
async function mend(
  tx: Connection,
  reader: Connection,
  queueName: string,
  table: ReplicatedTable,
  there: ReadonlyMap<string, ReplicatedTable>,
  lost: LostEvents,
  snapshotTick: TickId,
): Promise<void> {
  const rows = lost.tables.get(table.name);
  const source = there.get(table.name);
  if (rows === undefined || source === undefined) return;
  await replaceRows(reader, tx, source.destTable, table.destTable, rows);
  await tx.query(
    `insert into pgcascade.resurrected_key (queue_name, table_name, row_key, until_tick)
     select $1, $2, k, $4 from unnest($3::text[]) as k
         on conflict on constraint resurrected_key_pkey do update set until_tick = excluded.until_tick`,
    [queueName, table.name, [...rows.rows.keys()], snapshotTick],
  );
}

/** The queue of this node ends at the tick from which the new root went on, as everybody else's. */
async function forgetLostEvents(tx: Connection, queueName: string, position: TickId): Promise<void> {
  const { events, queue_id } = await tx.one<{ events: string; queue_id: number }>(
    'select queue_data_pfx as events, queue_id from pgq.queue where queue_name = $1',
    [queueName],
  );
  await tx.query(
    `delete from ${events} as e using pgq.tick as t
      where t.tick_queue = $1 and t.tick_id = $2 and not txid_visible_in_snapshot(e.ev_txid, t.tick_snapshot)`,
    [queue_id, position],
  );
  await tx.query(
    `update pgq.subscription set sub_last_tick = $2, sub_next_tick = null, sub_batch = null
      where sub_queue = $1 and (sub_last_tick > $2 or sub_next_tick > $2)`,
    [queue_id, position],
  );
  await tx.query('delete from pgq.tick where tick_queue = $1 and tick_id > $2', [queue_id, position]);
}

/** Makes a subscription of the gravestone, at the place where the worker is by now. */
async function replaceGravestone(
  self: Member,
  { connection }: Member,
  { queueName, localName }: MemberSessions,
): Promise<void> {
  const { workerName } = self.node;
  const readPosition = async (consumerName: string) => {
    const [row] = await connection.query<{ last_tick: bigint }>(
      'select last_tick from pgq.get_consumer_info($1, $2)',
      [queueName, consumerName],
    );
    return row?.last_tick;
  };
  const gravestone = await readPosition(gravestoneName(localName));
  if (gravestone === undefined) return;
  await connection.transaction(async (tx) => {
    const position = (await readPosition(workerName)) ?? gravestone;
    await callApi(tx, 'pgq_node.unregister_subscriber', [queueName, localName]);
    // When the worker has gone on meanwhile, it is offered a batch again that it has, and knows that.
    await callApi(tx, 'pgq_node.register_subscriber', [queueName, localName, workerName, position]);
  });
}
