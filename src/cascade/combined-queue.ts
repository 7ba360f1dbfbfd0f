import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { callApi } from './call-api.js';
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

/** True for a leaf that only follows. It does until the end of the transaction, which a takeover of the combined queue waits for. */
export async function onlyFollows(tx: Connection, queueName: string): Promise<boolean> {
  const [combined] = await tx.query<{ node_type: string }>(
    `select c.node_type
       from pgq_node.node_info as n
       join pgq_node.node_info as c on c.queue_name = n.combined_queue
      where n.queue_name = $1
        for share of c`,
    [queueName],
  );
  return combined?.node_type === 'branch';
}

/**
 * Whether a branch can go on merging what the root of a combined queue merges. Throws PC312 naming the tables whose rows the root
 * itself has not got yet, the queues that have no leaf beside the branch, or the tables that such a leaf lacks. Other queues have
 * nothing to be merged.
 */
export async function checkMergedQueues(old: Member, candidate: Member): Promise<void> {
  await refuseUnmerged(old);
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

/** The new root would have none of these rows, and its leaf would not know that they are missing. */
async function refuseUnmerged({ connection, node: { nodeName, mergedQueues } }: Member): Promise<void> {
  if (mergedQueues.length === 0) return;
  const { ours } = await connection.one<{ ours: boolean }>(
    "select to_regclass('pgcascade.unmerged_part') is not null as ours",
  );
  if (!ours) return;
  const rows = await connection.query<{ part: string }>(
    `select table_name || ' of the queue "' || queue_name || '"' as part
       from pgcascade.unmerged_part
      where queue_name = any ($1)
      order by 1`,
    [mergedQueues],
  );
  if (rows.length === 0) return;
  throw new ReplicateError(
    'PC312',
    `Node "${nodeName}" has not copied ${rows.map(({ part }) => part).join(', ')} yet: wait until it has, or remove the table there.`,
  );
}

/**
 * Lets the leaves beside a root that is becoming a branch follow it. A table that lacks rows of some part, because its copy has not
 * ended or it is parked, is copied anew from the new root, which has them; the part has nothing left to do. Called before the node
 * becomes a branch, in the same transaction.
 *
 * What the leaf's worker is just writing into such a table comes to nothing: until `startToMerge` the part counts as one without rows.
 * Returns the names of those tables in the combined queue.
 */
export async function startToFollow(tx: Connection, combinedQueue: string): Promise<string[]> {
  const parts = await tx.query<{ queue_name: string; table_name: string; combined_name: string | null }>(
    `select t.queue_name, t.table_name, own.table_name as combined_name
       from pgq_node.node_info as n
       join londiste.table_info as t on t.queue_name = n.queue_name and t.local
       left join londiste.table_info as own
         on own.queue_name = n.combined_queue and own.local
        and coalesce(own.dest_table, own.table_name) = coalesce(t.dest_table, t.table_name)
      where n.combined_queue = $1
        and (t.merge_state is distinct from 'ok'
             or exists (select from pgcascade.table_error as e
                         where e.queue_name = t.queue_name and e.table_name = t.table_name)
             or exists (select from pgcascade.empty_part as e
                         where e.queue_name = t.queue_name and e.table_name = t.table_name))
      order by t.queue_name, t.table_name`,
    [combinedQueue],
  );
  for (const { queue_name: queueName, table_name: tableName } of parts) {
    await callApi(tx, 'londiste.local_set_table_state', [queueName, tableName, null, 'ok']);
    await tx.query('select pgcascade.clear_table_state($1, $2)', [queueName, tableName]);
    await tx.query('select pgcascade.add_part($1, $2, true)', [queueName, tableName]);
  }
  const names = new Set(parts.flatMap(({ combined_name: name }) => (name === null ? [] : [name])));
  for (const name of names) {
    await callApi(tx, 'londiste.local_set_table_state', [combinedQueue, name, null, null]);
  }
  return [...names];
}

/** Lets the leaves beside a branch that becomes the root merge into it: all of their rows are here by now. In the same transaction. */
export async function startToMerge(tx: Connection, combinedQueue: string): Promise<void> {
  await tx.query(
    `select pgcascade.take_part(e.queue_name, e.table_name)
       from pgcascade.empty_part as e
       join pgq_node.node_info as n on n.queue_name = e.queue_name
      where n.combined_queue = $1`,
    [combinedQueue],
  );
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
