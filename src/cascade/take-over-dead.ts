import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import { callApi } from './call-api.js';
import { checkMergedQueuesSeen, startToMerge } from './combined-queue.js';
import { forgetLacking, readLackingTables } from './lacking-tables.js';
import type { Member, MemberSessions } from './member-sessions.js';
import { moveNode } from './move-node.js';
import { requireNode } from './node-info.js';
import { lockPlaces } from './place-lock.js';
import { poll } from './poll.js';
import { describePutBack, putAllBack } from './put-all-back.js';
import { releaseNode } from './release-node.js';
import { raiseToPublished } from './switch-sequences.js';
import { tagNode } from './tag-node.js';
import { takeOverSubscribers } from './take-over-branch.js';
import { partialTables, readLocalTables, type TakeOverOptions } from './take-over-root.js';

const POLL_MS = 50;

/** The consumer that keeps, on the new root, the events that a dead root needs if it ever comes back. */
export function gravestoneName(nodeName: string): string {
  return `${nodeName}.gravestone`;
}

/**
 * Makes a branch the root after the root has died for good.
 *
 * What had not left the dead root is lost here; `resurrect` on it saves those events. What any branch has got is not
 * lost: the new root reads it from there first. May be repeated.
 *
 * Throws PC312 when the dead root answers, when there is another root, when the node is no branch, or when a leaf has got more events than every branch:
 * its rows then come from events that nobody can hand on.
 */
export async function takeOverDeadRoot(sessions: MemberSessions, options: TakeOverOptions): Promise<void> {
  const { signal } = sessions;
  const { oldName, newName, timeoutMs, report } = options;
  await using _own = await lockPlaces(sessions, [newName]);
  await tagNode(sessions, oldName, true, report);
  await using _others = await lockAll(sessions);
  await failpoint('takeover-tagged');
  let candidate = await sessions.look(newName);
  if (candidate.node.nodeType !== 'root') {
    if (candidate.node.nodeType !== 'branch') {
      throw new ReplicateError(
        'PC312',
        `Node "${newName}" is a ${candidate.node.nodeType}: only a branch can become the root.`,
      );
    }
    await checkMergedQueuesSeen(candidate);
    const ahead = await findMostAdvanced(sessions, candidate, options);
    if (ahead !== undefined) {
      await moveNode(sessions, { nodeName: newName, newProvider: ahead.node.nodeName, timeoutMs, report });
      const reached = await poll(
        async () => {
          candidate = await sessions.look(newName);
          return candidate.node.lastTick >= ahead.node.lastTick ? true : undefined;
        },
        { intervalMs: POLL_MS, timeoutMs, signal },
      );
      if (reached === undefined) {
        throw new ReplicateError(
          'PC306',
          `Node "${newName}" did not reach tick ${ahead.node.lastTick} of "${ahead.node.nodeName}" within ${timeoutMs / 1000} s.`,
        );
      }
    }
    await failpoint('takeover-caught-up');
    const tables = await readLocalTables(candidate.connection, sessions.queueName);
    const partial = partialTables(tables, options.isWhole);
    if (partial.length > 0) {
      report(`By its handlers node "${newName}" has not all that the root had, of: ${partial.join(', ')}.`);
    }
    for (const { tableName, why } of await readLackingTables(candidate.connection, sessions.queueName)) {
      report(
        `Node "${newName}" has not all changes that the root had of ${tableName} (${why}). It is the root as it is: ` +
          'compare the nodes below with it, where those changes may be, then resync them.',
      );
    }
    await promote(sessions, candidate, options);
  }
  await failpoint('takeover-promoted');
  await setBackLeaves(sessions, options);
  await takeOverSubscribers(sessions, options);
  // It may have read from a branch that was ahead.
  await releaseNode(sessions, { nodeName: newName, provider: null, report });
}

/** Holds the places of all nodes that can be reached: of two branches that want the dead node's place one is refused. */
async function lockAll(sessions: MemberSessions): Promise<AsyncDisposable> {
  const { seen } = await sessions.lookAtAll();
  return lockPlaces(
    sessions,
    seen.map(({ node }) => node.nodeName),
  );
}

/** The branch that has got more than the candidate, if there is one. */
async function findMostAdvanced(
  sessions: MemberSessions,
  candidate: Member,
  { oldName, newName, report }: TakeOverOptions,
): Promise<Member | undefined> {
  const { seen, unreachable } = await sessions.lookAtAll();
  if (seen.some(({ node }) => node.nodeName === oldName)) {
    throw new ReplicateError(
      'PC312',
      `Node "${oldName}" answers: it is not dead. Use "takeover" without --dead-root.`,
    );
  }
  const root = seen.find(({ node }) => node.nodeType === 'root');
  if (root !== undefined) {
    throw new ReplicateError('PC312', `Node "${root.node.nodeName}" is the root already.`);
  }
  const others = unreachable.filter((name) => name !== oldName);
  if (others.length > 0) {
    report(`Nobody knows how far these are, because they cannot be reached: ${others.join(', ')}.`);
  }
  const bestBranch = seen
    .filter(({ node }) => node.nodeType === 'branch')
    .reduce((most, member) => (member.node.lastTick > most.node.lastTick ? member : most), candidate);
  for (const member of seen) {
    const lastEvents = await readLastEventTick(member);
    if (lastEvents <= bestBranch.node.lastTick) continue;
    throw new ReplicateError(
      'PC312',
      `The leaf "${member.node.nodeName}" has events up to tick ${lastEvents}, the best branch is at ${bestBranch.node.lastTick}: ` +
        'it has rows that no other node can get. Drop that leaf and create it anew, or make the application write them again.',
    );
  }
  return bestBranch.node.nodeName === newName ? undefined : bestBranch;
}

/** The last tick that brought events to a node; where nobody has noted it, the last tick at all. */
async function readLastEventTick({ connection, node }: Member): Promise<bigint> {
  const { noted } = await connection.one<{ noted: boolean }>(
    "select to_regclass('pgcascade.last_event_tick') is not null as noted",
  );
  if (!noted) return node.lastTick;
  const [row] = await connection.query<{ tick_id: bigint }>(
    'select tick_id from pgcascade.last_event_tick where queue_name = $1',
    [node.queueName],
  );
  return row !== undefined && row.tick_id < node.lastTick ? row.tick_id : node.lastTick;
}

/** Sets nodes that are ahead of the new root, by empty ticks only, back to where it begins. */
async function setBackLeaves(
  sessions: MemberSessions,
  { oldName, newName, report }: TakeOverOptions,
): Promise<void> {
  const { queueName } = sessions;
  const { connection } = await sessions.look(newName);
  const [gravestone] = await connection.query<{ last_tick: bigint }>(
    'select last_tick from pgq.get_consumer_info($1, $2)',
    [queueName, gravestoneName(oldName)],
  );
  // A root that was resurrected meanwhile has no gravestone, and nobody is behind any more.
  if (gravestone === undefined) return;
  const { seen } = await sessions.lookAtAll();
  for (const member of seen) {
    const { node } = member;
    if (node.providerNode !== oldName || node.lastTick <= gravestone.last_tick) continue;
    if ((await readLastEventTick(member)) > gravestone.last_tick) continue;
    await callApi(member.connection, 'pgq_node.set_consumer_completed', [
      queueName,
      node.workerName,
      gravestone.last_tick,
    ]);
    report(
      `Node "${node.nodeName}" was ahead by ticks without events: set back to tick ${gravestone.last_tick}.`,
    );
  }
}

async function promote(
  { queueName }: MemberSessions,
  candidate: Member,
  { oldName, newName, report }: TakeOverOptions,
): Promise<void> {
  await candidate.connection.transaction(async (tx) => {
    const { lastTick } = await requireNode(tx, queueName);
    // Nobody knows where the dead root's sequences have stopped, but not beyond what it has published.
    await raiseToPublished(tx, queueName);
    await callApi(tx, 'pgq_node.promote_branch', [queueName]);
    await startToMerge(tx, queueName);
    await forgetLacking(tx, queueName);
    const back = await putAllBack(tx, queueName);
    if (!candidate.subscribers.some(({ nodeName }) => nodeName === oldName)) {
      await callApi(tx, 'pgq_node.register_subscriber', [
        queueName,
        oldName,
        gravestoneName(oldName),
        lastTick,
      ]);
    }
    report(
      `Node "${newName}" is the root, from tick ${lastTick} on. It keeps events for "${oldName}", ` +
        `until "resurrect" on it or "drop-node ${oldName}".`,
    );
    for (const line of describePutBack(back)) report(line);
  });
}

/**
 * Lets a node take the place of a branch that has died for good. May be repeated.
 *
 * Throws PC311 when nobody knows from whom the dead branch has read.
 */
export async function takeOverDeadBranch(sessions: MemberSessions, options: TakeOverOptions): Promise<void> {
  const { oldName, newName, timeoutMs, report } = options;
  await using _own = await lockPlaces(sessions, [newName]);
  await tagNode(sessions, oldName, true, report);
  await using _others = await lockAll(sessions);
  const candidate = await sessions.look(newName);
  if (candidate.node.providerNode === oldName) {
    const { seen } = await sessions.lookAtAll();
    const above = seen.find(({ subscribers }) => subscribers.some(({ nodeName }) => nodeName === oldName));
    if (above === undefined) {
      throw new ReplicateError('PC311', `No node that can be reached has "${oldName}" as its subscriber.`);
    }
    await moveNode(sessions, { nodeName: newName, newProvider: above.node.nodeName, timeoutMs, report });
  }
  await failpoint('takeover-moved');
  await takeOverSubscribers(sessions, options);
  report(`The provider of "${oldName}" keeps events for it until "drop-node ${oldName}".`);
}
