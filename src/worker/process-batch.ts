import type { TableConflict } from '../apply/apply-block.js';
import { WORKER_LOCK_CLASS, workerLockText } from '../cascade/worker-lock-key.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type Batch, finishBatch } from '../queue/batches.js';
import type { QueueEvent } from '../queue/event.js';
import { type TickId, tickId } from '../queue/ids.js';
import { type ReadEventsOptions, readEvents, readForwardedEvents } from '../queue/read-events.js';
import { failpoint } from '../runtime/failpoint.js';
import { applyEvents } from './apply-events.js';
import type { AppliedScript } from './apply-script.js';
import type { BatchQueue } from './batch-queue.js';
import { forwardedEvents } from './forward-events.js';
import type { TableRegistry } from './table-registry.js';
import { TakenTables } from './taken-tables.js';

export interface ProcessBatchPorts {
  readonly provider: Connection;
  readonly subscriber: Connection;
  readonly consumerName: string;
  readonly registry: TableRegistry;
  readonly reading: ReadEventsOptions;
  readonly isApplied: (tableName: string) => boolean;
  readonly controlEvents: boolean;
  /** Events that are not applied here, though their table is: see ResurrectedKeys. */
  readonly isLeftOut?: (event: QueueEvent) => boolean;
  /** Where the batch goes to besides the tables: the queue of a branch, or the one that this queue is merged into. */
  readonly openQueue?: ((tx: Connection, batch: Batch) => Promise<BatchQueue>) | undefined;
  readonly signal: AbortSignal;
}

export interface BatchOutcome {
  /** False when the batch had been applied before: the provider lost our finish_batch. */
  readonly applied: boolean;
  readonly eventCount: number;
  readonly conflicts: readonly TableConflict[];
  readonly scripts: readonly AppliedScript[];
}

/**
 * Carries one batch over: applies it on the subscriber and records its end tick in one transaction, then closes it
 * on the provider.
 *
 * After a crash before the commit nothing has happened; after the commit the end tick tells that all has, and the
 * repeated call only closes the batch. Throws PC305 when the batch does not follow what the subscriber has.
 */
export async function processBatch(ports: ProcessBatchPorts, batch: Batch): Promise<BatchOutcome> {
  const conflicts: TableConflict[] = [];
  const scripts: AppliedScript[] = [];
  let eventCount = 0;
  /** Tables whose further events are left out: parked, or to be copied anew. */
  const leftOut = new Set<string>();
  const written = new Set<string>();
  const isApplied = (tableName: string) => {
    if (leftOut.has(tableName) || !ports.isApplied(tableName)) return false;
    written.add(tableName);
    return true;
  };

  const applied = await ports.subscriber.transaction(async (tx) => {
    await lockPosition(tx, ports.consumerName, batch);
    if (!(await isNext(tx, ports.consumerName, batch))) return false;
    const park = async (conflict: TableConflict) => {
      await assertNotEmptied(tx, batch.queueName, [conflict.queueTable]);
      leftOut.add(conflict.queueTable);
      conflicts.push(conflict);
      await tx.query('select pgcascade.park_table($1, $2, $3, $4, $5, $6)', [
        batch.queueName,
        conflict.queueTable,
        batch.endTick,
        conflict.eventId,
        conflict.code,
        conflict.message,
      ]);
    };
    const taken = new TakenTables({ tx, batch, registry: ports.registry, park });
    const applying = {
      queueName: batch.queueName,
      tx,
      registry: ports.registry,
      taken,
      isApplied,
      controlEvents: ports.controlEvents
        ? {
            consumerName: ports.consumerName,
            endTick: batch.endTick,
            leaveOut: (tableName: string) => leftOut.add(tableName),
          }
        : undefined,
      park,
      noteScript: (script: AppliedScript) => scripts.push(script),
    };
    let isEmpty = true;
    const work = async (block: readonly QueueEvent[]) => {
      isEmpty = false;
      ports.signal.throwIfAborted();
      const { isLeftOut } = ports;
      const events = isLeftOut === undefined ? block : block.filter((event) => !isLeftOut(event));
      eventCount += await applyEvents(applying, events);
      await failpoint('worker-block-applied');
    };
    if (ports.openQueue !== undefined) {
      const queue = await ports.openQueue(tx, batch);
      for await (const block of readForwardedEvents(ports.provider, batch, ports.reading)) {
        await queue.write(await forwardedEvents(tx, block, ports.registry));
        await work(block);
      }
      await queue.end();
    } else {
      const reading = { ...ports.reading, timedTables: ports.registry.timedTables };
      for await (const block of readEvents(ports.provider, batch, reading)) await work(block);
    }
    await taken.finish();
    if (written.size > 0) await assertNotEmptied(tx, batch.queueName, [...written]);
    // The consumers of copies carry only a part; the position of the node is the worker's.
    if (!isEmpty && ports.controlEvents) await noteEvents(tx, batch);
    await tx.query('select pgq_node.set_consumer_completed($1, $2, $3)', [
      batch.queueName,
      ports.consumerName,
      batch.endTick,
    ]);
    if (eventCount > 0) await failpoint('worker-before-commit');
    return true;
  });
  if (eventCount > 0) await failpoint('worker-after-commit');
  await finishBatch(ports.provider, batch);
  return { applied, eventCount, conflicts, scripts };
}

/**
 * While this batch was applied the worker of another queue may have emptied a table that both feed, to have all parts
 * copied: then rows of this batch would be in the way of that copy. Throws PC502; the batch is then done again without
 * that table. What was written here keeps the table locked against being emptied until this transaction ends.
 */
async function assertNotEmptied(tx: Connection, queueName: string, tables: readonly string[]): Promise<void> {
  const [emptied] = await tx.query<{ table_name: string }>(
    'select table_name from pgcascade.empty_part where queue_name = $1 and table_name = any ($2) limit 1',
    [queueName, tables],
  );
  if (emptied === undefined) return;
  throw new ReplicateError(
    'PC502',
    `Table ${emptied.table_name} was emptied meanwhile to be copied from all queues that feed it.`,
    { table: emptied.table_name },
  );
}

/** After its provider has died a node that is ahead by empty ticks only can go back to where the others are. */
async function noteEvents(tx: Connection, batch: Batch): Promise<void> {
  await tx.query(
    `insert into pgcascade.last_event_tick as t (queue_name, tick_id) values ($1, $2)
         on conflict on constraint last_event_tick_pkey do update set tick_id = excluded.tick_id`,
    [batch.queueName, batch.endTick],
  );
}

/**
 * Waits for the end of a transaction that a killed worker has left in the server: it may still be committing the very
 * batch that is offered again. The worker's own session holds its lock already; the consumers of copies have one each.
 */
async function lockPosition(tx: Connection, consumerName: string, batch: Batch): Promise<void> {
  await tx.query('select pg_advisory_xact_lock($1, hashtext($2))', [
    WORKER_LOCK_CLASS,
    workerLockText(batch.queueName, consumerName),
  ]);
}

/** True when the batch starts where the subscriber stands, false when the subscriber has it already. */
async function isNext(tx: Connection, consumerName: string, batch: Batch): Promise<boolean> {
  const completed = await readCompletedTick(tx, batch.queueName, consumerName);
  if (completed === batch.startTick) return true;
  if (completed === batch.endTick) return false;
  throw new ReplicateError(
    'PC305',
    `Consumer "${consumerName}" is offered the events between ticks ${batch.startTick} and ${batch.endTick}, ` +
      `but this database is at tick ${completed}.`,
    { queue: batch.queueName },
  );
}

async function readCompletedTick(tx: Connection, queueName: string, consumerName: string): Promise<TickId> {
  const { completed_tick } = await tx.one<{ completed_tick: bigint }>(
    'select completed_tick from pgq_node.get_consumer_state($1, $2)',
    [queueName, consumerName],
  );
  return tickId(completed_tick);
}
