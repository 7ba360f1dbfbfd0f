import type { CopyProgress } from '../copy/copy-table.js';
import type { Throttle } from '../copy/stream-rows.js';
import type { Connection } from '../db/connection.js';
import { forgetDropped } from '../queue/dropped-consumer.js';
import type { TickId } from '../queue/ids.js';
import type { Lanes } from '../runtime/lanes.js';
import { requestCopyAnew } from './combined-queue.js';
import { copyConsumerName } from './copy-consumer-name.js';
import { assertNothingActs, isUnprivileged } from './keep-off.js';
import type { RegisteredTable, TableRegistry } from './table-registry.js';
import { assertStillInCopy, setTableStates } from './table-state.js';
import type { WorkerOptions } from './worker-options.js';

/** How long a copy tries to have its table for itself. */
export const LOCK_PATIENCE_MS = 60_000;

export interface CopyDataPorts {
  readonly options: WorkerOptions;
  readonly providerNode: string;
  readonly providerLocation: string;
  readonly registry: TableRegistry;
  /** Where the worker is. */
  readonly completedTick: () => TickId;
  /** The lanes of all copies of the worker; this one has one of them. */
  readonly lanes: Lanes;
  /** Of all copies of the worker together. */
  readonly throttle: Throttle;
  readonly report: (progress: CopyProgress) => void;
  /** The counts are those of the last report. */
  readonly reportPhase: (phase: CopyProgress['phase']) => void;
  readonly signal: AbortSignal;
}

export interface ProviderSide {
  /** Makes the tick. */
  readonly anchor: Connection;
  /** Reads the rows. */
  readonly reader: Connection;
  /** Name of the table on the provider. */
  readonly sourceTable: string;
}

/** State and position, in the transaction of the rows. Throws PC502 when the rows are wanted anew. */
export async function finishCopy(
  ports: CopyDataPorts,
  table: RegisteredTable,
  tx: Connection,
  tick: TickId,
): Promise<void> {
  const { queueName } = ports.options;
  await assertStillInCopy(tx, queueName, table.tableName);
  if (await isUnprivileged(tx)) await assertNothingActs(tx, queueName, [table]);
  await recordCopies(ports, [table.tableName], tx, tick);
}

/** The tables are here as of a tick, from which on their events are missing. */
export async function recordCopies(
  { options, providerNode }: Pick<CopyDataPorts, 'options' | 'providerNode'>,
  tableNames: readonly string[],
  tx: Connection,
  tick: TickId,
): Promise<void> {
  const { queueName, consumerName } = options;
  await closeReplaced(tx, queueName, tableNames);
  await setTableStates(tx, queueName, tableNames, 'catching-up');
  await tellBelow(tx, queueName, tableNames);
  await tx.query('select pgq_node.register_consumer($1, c.name, $3, $4) from unnest($2::text[]) as c(name)', [
    queueName,
    tableNames.map((tableName) => copyConsumerName(consumerName, tableName)),
    providerNode,
    tick,
  ]);
}

/** A table that was made anew under the name is closed to other writers as the one before was. On a branch its ticker sees to that. */
async function closeReplaced(
  tx: Connection,
  queueName: string,
  tableNames: readonly string[],
): Promise<void> {
  await tx.query(
    `select pgcascade.follow_table(p.queue_name, p.table_name, false, true)
       from pgcascade.capture_plan as p
      where p.queue_name = $1
        and p.table_name = any ($2)
        and p.purpose = 'deny'
        and to_regclass(pgq.quote_fqname(p.dest_table))::oid <> p.relation`,
    [queueName, tableNames],
  );
}

/** Has the provider keep the tables' events from a tick on. */
export async function registerCopies(
  { options }: Pick<CopyDataPorts, 'options'>,
  tableNames: readonly string[],
  anchor: Connection,
  tick: TickId,
): Promise<void> {
  const { queueName, consumerName } = options;
  const consumers = tableNames.map((tableName) => copyConsumerName(consumerName, tableName));
  await anchor.query('select pgq.register_consumer_at($1, c.name, $3) from unnest($2::text[]) as c(name)', [
    queueName,
    consumers,
    tick,
  ]);
  await forgetDropped(anchor, queueName, ...consumers);
}

/** Nodes below the root of a combined queue hear of rows by events only, and these came without. */
async function tellBelow(tx: Connection, queueName: string, tableNames: readonly string[]): Promise<void> {
  const [combined] = await tx.query<{ queue_name: string }>(
    `select c.queue_name
       from pgq_node.node_info as n
       join pgq_node.node_info as c on c.queue_name = n.combined_queue and c.node_type = 'root'
      where n.queue_name = $1`,
    [queueName],
  );
  if (combined === undefined) return;
  for (const tableName of tableNames) await requestCopyAnew(tx, combined.queue_name, tableName);
}
