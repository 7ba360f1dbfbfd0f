import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';
import { failpoint } from '../runtime/failpoint.js';
import { type ApiAnswer, callApi } from './call-api.js';
import { checkMergedQueues, startToFollow, startToMerge } from './combined-queue.js';
import { readLackingTables } from './lacking-tables.js';
import { registerLocation } from './location.js';
import type { Member, MemberSessions } from './member-sessions.js';
import { requireNode } from './node-info.js';
import { poll } from './poll.js';
import { describePutBack, type PutBack, putAllBack } from './put-all-back.js';
import { releaseNode } from './release-node.js';
import { isStockNode, pauseStockWorker, resumeStockWorker } from './stock-node.js';
import { raiseToPublished, readSequencePositions, setSequences } from './switch-sequences.js';
import { waitForUpstream } from './wait-position.js';

const POLL_MS = 20;
/** A node that has everything this long after it was asked is close enough for a switch. */
const CLOSE_MS = 1_000;

export interface TakeOverOptions {
  /** The node that gives its place. */
  readonly oldName: string;
  /** The node that takes it. */
  readonly newName: string;
  /** Longest wait for the new root to have everything; writes are refused during the last part of it. */
  readonly timeoutMs: number;
  readonly report: (sentence: string) => void;
  /** Whether a node with these attributes of a table has all that its provider has; handlers are none of this folder's business. */
  readonly isWhole: (tableName: string, tableAttributes: string | null) => boolean;
}

/**
 * Makes a branch the root, and the root, which is alive, a branch below it.
 *
 * The old root refuses writes from the moment that the branch has almost everything until the branch is the root.
 * Up to that moment, which is one transaction on the branch, every failure opens the old root again. A command that was
 * killed, or lost the branch in that very transaction (PC203), leaves it closed; the same command then goes on from there. May be
 * repeated.
 *
 * The caller holds the places of both (`lockPlaces`).
 *
 * Throws PC312 when the branch cannot be the root, PC306 when it does not catch up in time.
 */
export async function takeOverRoot(sessions: MemberSessions, options: TakeOverOptions): Promise<void> {
  const { oldName, newName, report } = options;
  const before = await sessions.look(newName);
  if (before.node.nodeType !== 'root') {
    const old = await sessions.look(oldName);
    await checkCandidate(old, before, options);
    await switchRoot(sessions, old, before, options);
    report(`Node "${newName}" is the root.`);
  }
  await failpoint('takeover-promoted');
  await joinOldRoot(sessions, options);
  await failpoint('takeover-demoted');
  await releaseNode(sessions, { nodeName: newName, provider: null, report });
}

/** Throws PC312 when something would be missing on the new root. */
async function checkCandidate(
  old: Member,
  candidate: Member,
  { isWhole }: Pick<TakeOverOptions, 'isWhole'>,
): Promise<void> {
  const { nodeName, nodeType } = candidate.node;
  if (nodeType !== 'branch') {
    throw new ReplicateError(
      'PC312',
      `Node "${nodeName}" is a ${nodeType}: only a branch can become the root.`,
    );
  }
  if (old.node.nodeType !== 'root') {
    throw new ReplicateError('PC312', `Node "${old.node.nodeName}" is not the root.`);
  }
  await checkMergedQueues(old, candidate);
  if (await isStockNode(candidate.connection)) {
    throw new ReplicateError(
      'PC312',
      `Node "${nodeName}" is a node of the stock Londiste: run its own "londiste takeover".`,
    );
  }
  const present = await readLocalTables(candidate.connection, old.node.queueName);
  const partial = partialTables(present, isWhole);
  if (partial.length > 0) {
    throw new ReplicateError(
      'PC312',
      `Node "${nodeName}" has handlers by which it has not all that the root has, for: ${partial.join(', ')}.`,
    );
  }
  await checkComplete(old, candidate);
}

/** Throws PC312 when the candidate lacks a table or a sequence of the root, or has not all of a table's rows. */
async function checkComplete(old: Member, candidate: Member): Promise<void> {
  const { queueName } = old.node;
  const { nodeName } = candidate.node;
  const wanted = await readLocalTables(old.connection, queueName);
  const present = await readLocalTables(candidate.connection, queueName);
  const missing = [...wanted.keys()].filter((name) => present.get(name)?.state !== 'ok');
  if (missing.length > 0) {
    throw new ReplicateError(
      'PC312',
      `Node "${nodeName}" lacks ${missing.length} of the root's tables, or they are not in sync: ${missing.join(', ')}.`,
    );
  }
  const partial = await readLackingTables(candidate.connection, queueName);
  if (partial.length > 0) {
    throw new ReplicateError(
      'PC312',
      `Node "${nodeName}" has not all changes of: ${partial.map(({ tableName, why }) => `${tableName} (${why})`).join(', ')}. ` +
        '"resync" there makes up for them.',
    );
  }
  const sequences = await readSequencePositions(candidate.connection, queueName);
  const lacking = [...(await readSequencePositions(old.connection, queueName)).keys()].filter(
    (name) => !sequences.has(name),
  );
  if (lacking.length === 0) return;
  throw new ReplicateError(
    'PC312',
    `Node "${nodeName}" lacks ${lacking.length} of the root's sequences: ${lacking.join(', ')}. "add-seq" adds them.`,
  );
}

type LocalTables = ReadonlyMap<string, { readonly state: string | null; readonly attributes: string | null }>;

/** The names of the tables of which a node has only a part. */
export function partialTables(tables: LocalTables, isWhole: TakeOverOptions['isWhole']): string[] {
  return [...tables].filter(([name, { attributes }]) => !isWhole(name, attributes)).map(([name]) => name);
}

/** The tables that are replicated on a node, by name. */
export async function readLocalTables(connection: Connection, queueName: string): Promise<LocalTables> {
  const rows = await connection.query<{
    table_name: string;
    merge_state: string | null;
    table_attrs: string | null;
  }>('select table_name, merge_state, table_attrs from londiste.get_table_list($1) where local', [queueName]);
  return new Map(
    rows.map((row) => [row.table_name, { state: row.merge_state, attributes: row.table_attrs }]),
  );
}

/** From "almost there" to the new root. Reopens the old root when it throws. */
async function switchRoot(
  sessions: MemberSessions,
  old: Member,
  candidate: Member,
  options: TakeOverOptions,
): Promise<void> {
  const { queueName } = sessions;
  const { timeoutMs, report } = options;
  if (!(await isClosed(old))) await waitUntilClose(sessions, old, candidate, timeoutMs);
  const isStock = await isStockNode(old.connection);
  // The worker of a stock root ends when it finds that it is none any more, unless it is paused meanwhile.
  if (isStock) await pauseStockWorker(old, { timeoutMs, signal: sessions.signal });
  const closedAt = performance.now();
  let isPromoting = false;
  try {
    await callApi(old.connection, 'pgq_node.demote_root', [queueName, 1, options.newName]);
    await failpoint('takeover-closed');
    const lastTick = await makeLastTick(old.connection, queueName);
    report(`Node "${options.oldName}" refuses writes; its last tick is ${lastTick}.`);
    await failpoint('takeover-last-tick');
    await waitForTick(candidate, lastTick, sessions, options);
    await failpoint('takeover-caught-up');
    // The last events may have brought a table, or word that one is to be copied anew.
    await checkMergedQueues(old, candidate);
    await checkComplete(old, candidate);
    isPromoting = true;
    const back = await promote(sessions, old, candidate, lastTick);
    for (const line of describePutBack(back)) report(line);
    report(`Writes were refused for ${Math.round(performance.now() - closedAt)} ms.`);
  } catch (error) {
    if (isPromoting && !candidate.connection.isOpen) {
      // Opened again, the old root could be one of two.
      throw new ReplicateError(
        'PC203',
        `The connection to "${options.newName}" was lost while it became the root, and nobody knows whether it has. ` +
          `Node "${options.oldName}" goes on refusing writes: repeat the command.`,
        {},
        { cause: error },
      );
    }
    if (await isRoot(candidate)) return;
    await reopen(old, queueName);
    if (isStock && old.connection.isOpen) {
      await resumeStockWorker(old.connection, queueName, old.node.workerName);
    }
    // This call or a killed one may have set them back, and a branch keeps its sequences ahead of the root's.
    if (candidate.connection.isOpen) await raiseToPublished(candidate.connection, queueName);
    throw error;
  }
}

async function makeLastTick(old: Connection, queueName: string): Promise<TickId> {
  const { last_tick } = await callApi<ApiAnswer & { last_tick: bigint }>(old, 'pgq_node.demote_root', [
    queueName,
    2,
    null,
  ]);
  return tickId(last_tick);
}

async function waitForTick(
  { connection }: Member,
  target: TickId,
  { queueName, signal }: MemberSessions,
  { newName, timeoutMs }: TakeOverOptions,
): Promise<void> {
  const reached = await poll(
    async () => ((await requireNode(connection, queueName)).lastTick >= target ? true : undefined),
    { intervalMs: POLL_MS, timeoutMs, signal },
  );
  if (reached !== undefined) return;
  throw new ReplicateError(
    'PC306',
    `Node "${newName}" did not reach the last tick ${target} within ${timeoutMs / 1000} s; the root takes writes again.`,
  );
}

/**
 * The one transaction that changes who is the root. The old root is its subscriber from then on, and the sequences go
 * on where those of the old root have stopped: there nobody can write a value any more.
 */
async function promote(
  { queueName }: MemberSessions,
  old: Member,
  candidate: Member,
  lastTick: TickId,
): Promise<PutBack> {
  const sequences = await readSequencePositions(old.connection, queueName);
  const { nodeName, workerName } = old.node;
  return candidate.connection.transaction(async (tx) => {
    if (!candidate.subscribers.some((subscriber) => subscriber.nodeName === nodeName)) {
      await callApi(tx, 'pgq_node.register_subscriber', [queueName, nodeName, workerName, lastTick]);
    }
    await callApi(tx, 'pgq_node.promote_branch', [queueName]);
    await startToMerge(tx, queueName);
    await setSequences(tx, sequences);
    const back = await putAllBack(tx, queueName);
    await failpoint('takeover-sequences');
    return back;
  });
}

async function isRoot(candidate: Member): Promise<boolean> {
  if (!candidate.connection.isOpen) return false;
  return (await requireNode(candidate.connection, candidate.node.queueName)).nodeType === 'root';
}

/**
 * Waits, while the application still writes, until the candidate is so close behind that the rest will be short; one
 * that follows, but never so closely, is taken as it is after half of the time. Throws PC306 when it does not follow.
 */
async function waitUntilClose(
  { queueName, signal }: MemberSessions,
  old: Member,
  candidate: Member,
  timeoutMs: number,
): Promise<void> {
  const begun = performance.now();
  for (;;) {
    const started = performance.now();
    await waitForUpstream(candidate.connection, old.connection, {
      queueName,
      timeoutMs: Math.max(0, begun + timeoutMs - started),
      signal,
    });
    const now = performance.now();
    if (now - started < CLOSE_MS || now - begun > timeoutMs / 2) return;
  }
}

/** True when an earlier call was killed after it had closed the old root: nobody makes ticks there any more. */
async function isClosed({ connection, node }: Member): Promise<boolean> {
  const rows = await connection.query(
    'select from pgq.queue where queue_name = $1 and queue_external_ticker and queue_disable_insert',
    [node.queueName],
  );
  return rows.length > 0;
}

/** Lets the old root take writes and ticks again. */
async function reopen({ connection }: Member, queueName: string): Promise<void> {
  if (!connection.isOpen) return;
  await connection.query(
    `update pgq.queue set queue_external_ticker = false, queue_disable_insert = false where queue_name = $1`,
    [queueName],
  );
}

/** After the switch: the old root becomes a branch of the new one. Nothing when it is that already. */
async function joinOldRoot(sessions: MemberSessions, options: TakeOverOptions): Promise<void> {
  const { queueName } = sessions;
  const { oldName, newName, report } = options;
  const old = await sessions.look(oldName);
  if (old.node.nodeType !== 'root') return;
  const location = await sessions.location(newName);
  const isStock = await isStockNode(old.connection);
  const copied = await old.connection.transaction(async (tx) => {
    const tables = isStock ? [] : await startToFollow(tx, queueName);
    // Its queue takes no events any more, so the location is written in the session role of replication.
    await callApi(tx, 'pgq_node.demote_root', [queueName, 3, newName]);
    await registerLocation(tx, queueName, { ...location, isDead: false });
    await raiseToPublished(tx, queueName);
    await tx.query("select pg_notify('pgcascade_tables', $1)", [queueName]);
    if (isStock) await resumeStockWorker(tx, queueName, old.node.workerName);
    return tables;
  });
  report(`Node "${oldName}" is a branch below "${newName}".`);
  for (const tableName of copied) {
    report(`Table ${tableName} lacks rows on "${oldName}", so it will be copied anew from "${newName}".`);
  }
}
