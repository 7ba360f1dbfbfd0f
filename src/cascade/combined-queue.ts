import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { Member } from './member-sessions.js';
import { type NodeInfo, requireNode } from './node-info.js';

/**
 * Throws PC303 for a leaf that only follows: its queue is merged elsewhere, and its tables come by a branch of the
 * combined queue in the same database.
 */
export async function requireMergingLeaf(connection: Connection, node: NodeInfo): Promise<void> {
  const combined = await findFollowed(connection, node);
  if (combined === undefined) return;
  throw new ReplicateError(
    'PC303',
    `Node "${node.nodeName}" only follows the branch "${combined.nodeName}" of the queue "${combined.queueName}" in its database: ` +
      'its tables come from there. Use the ini file of that queue.',
    { combined: combined.queueName },
  );
}

/** The branch of the combined queue that a leaf follows; undefined for every other node. */
export async function findFollowed(connection: Connection, node: NodeInfo): Promise<NodeInfo | undefined> {
  if (node.combinedQueue === null) return undefined;
  const combined = await requireNode(connection, node.combinedQueue);
  return combined.nodeType === 'branch' ? combined : undefined;
}

/**
 * Whether a branch can go on merging what the root of a combined queue merges. Throws PC312 naming the queues that
 * have no leaf beside the branch, or the tables that such a leaf lacks. Other queues have nothing to be merged.
 */
export async function checkMergedQueues(old: Member, candidate: Member): Promise<void> {
  refuseMissing(candidate, old.node.mergedQueues);
  for (const queueName of old.node.mergedQueues) {
    const present = new Set(await readLocalTables(candidate.connection, queueName));
    const missing = (await readLocalTables(old.connection, queueName)).filter((name) => !present.has(name));
    if (missing.length === 0) continue;
    const { nodeName } = await requireNode(candidate.connection, queueName);
    throw new ReplicateError(
      'PC312',
      `Node "${nodeName}" of the queue "${queueName}", which would have to be merged by "${candidate.node.nodeName}", lacks ` +
        `${missing.join(', ')}: run add-table for that node.`,
    );
  }
}

/** As `checkMergedQueues`, when the root is gone: what was merged is known by the events that have come from it. */
export async function checkMergedQueuesSeen(candidate: Member): Promise<void> {
  const { connection, node } = candidate;
  const { events } = await connection.one<{ events: string }>(
    'select queue_data_pfx as events from pgq.queue where queue_name = $1',
    [node.queueName],
  );
  const [schema, table] = events.split('.') as [string, string];
  const { sql } = await connection.one<{ sql: string }>(
    `select format('select distinct ev_extra1 as queue from %I.%I where ev_type = %L', $1::text, $2::text, 'pgq.tick-id') as sql`,
    [schema, table],
  );
  const seen = await connection.query<{ queue: string }>(sql);
  refuseMissing(
    candidate,
    seen.map(({ queue }) => queue),
  );
}

function refuseMissing({ node }: Member, queues: readonly string[]): void {
  const missing = queues.filter((queue) => !node.mergedQueues.includes(queue));
  if (missing.length === 0) return;
  throw new ReplicateError(
    'PC312',
    `Queues are merged into "${node.queueName}" that have no leaf in the database of "${node.nodeName}": ${missing.join(', ')}. ` +
      `Create them there first: create-leaf --merge=${node.queueName}.`,
  );
}

async function readLocalTables(connection: Connection, queueName: string): Promise<string[]> {
  const rows = await connection.query<{ table_name: string }>(
    'select table_name from londiste.get_table_list($1) where local',
    [queueName],
  );
  return rows.map((row) => row.table_name);
}
