import { connectToNode } from '../cascade/find-root.js';
import { requireNode } from '../cascade/node-info.js';
import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';

/** A table of another queue that is, or could be, the same table of this database. */
export interface MergedPart {
  readonly queueName: string;
  readonly tableName: string;
}

interface PartRow extends Record<string, unknown> {
  readonly queue_name: string;
  readonly table_name: string;
}

/** The other queues that feed a table of this node's database too. */
export async function readOtherParts(
  connection: Connection,
  queueName: string,
  tableName: string,
): Promise<MergedPart[]> {
  const rows = await connection.query<PartRow>(
    'select queue_name, table_name from pgcascade.other_parts($1, $2)',
    [queueName, tableName],
  );
  return rows.map(toPart);
}

/** Table of this queue → the other queues that feed it too; tables that this queue feeds alone are not in it. */
export async function readMergedTables(
  connection: Connection,
  queueName: string,
): Promise<ReadonlyMap<string, readonly MergedPart[]>> {
  const rows = await connection.query<PartRow & { readonly own_table: string }>(
    'select own_table, queue_name, table_name from pgcascade.other_parts($1, null)',
    [queueName],
  );
  const merged = new Map<string, MergedPart[]>();
  for (const row of rows) merged.set(row.own_table, [...(merged.get(row.own_table) ?? []), toPart(row)]);
  return merged;
}

/** The other queues of this database that know the table: those that feed it, and those that could. */
export async function readSiblings(
  connection: Connection,
  queueName: string,
  destTable: string,
): Promise<(MergedPart & { readonly isLocal: boolean })[]> {
  const rows = await connection.query<PartRow & { readonly local: boolean }>(
    `select t.queue_name, t.table_name, t.local
       from pgq_node.node_info as own
       join pgq_node.node_info as n
         on n.queue_name <> own.queue_name
        and n.node_type = 'leaf'
        and n.combined_queue is not distinct from own.combined_queue
       join londiste.table_info as t
         on t.queue_name = n.queue_name
      where own.queue_name = $1
        and own.node_type = 'leaf'
        and coalesce(t.dest_table, t.table_name) = $2
      order by t.queue_name`,
    [queueName, destTable],
  );
  return rows.map((row) => ({ ...toPart(row), isLocal: row.local }));
}

/**
 * Makes sure that the rows of all other parts of a table can be fetched again before the table is emptied for a resync.
 * Throws PC200 and the like, naming the queue, when one provider cannot be reached.
 */
export async function checkPartsReachable(
  connection: Connection,
  parts: readonly MergedPart[],
  options: { readonly connect: Connect; readonly application: string; readonly signal?: AbortSignal },
): Promise<void> {
  const queues = new Map(parts.map(({ queueName, tableName }) => [queueName, tableName]));
  for (const [queueName, tableName] of queues) {
    const node = await requireNode(connection, queueName);
    try {
      if (node.providerLocation === null) throw new ReplicateError('PC302', 'nobody knows where it is.');
      const { connect, application, signal } = options;
      await using provider = await connectToNode(
        connect,
        node.providerNode,
        node.providerLocation,
        application,
        signal,
      );
      await provider.query('select');
    } catch (error) {
      if (!(error instanceof ReplicateError)) throw error;
      throw new ReplicateError(
        error.code,
        `Table ${tableName} is fed by queue "${queueName}" too, and would have to be copied from there again. ${error.message}`,
        { queueName },
        { cause: error },
      );
    }
  }
}

function toPart(row: PartRow): MergedPart {
  return { queueName: row.queue_name, tableName: row.table_name };
}
