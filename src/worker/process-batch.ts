import { type TableLeftOut, type TableWrittenAgain, WrittenAhead } from '../apply/block-writer.js';
import type { TableConflict } from '../apply/plan-block.js';
import type { Connection } from '../db/connection.js';
import { sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type Batch, finishBatch } from '../queue/batches.js';
import type { QueueEvent } from '../queue/event.js';
import type { EventId } from '../queue/ids.js';
import { LargeEvents } from '../queue/large-events.js';
import { readAhead } from '../queue/read-ahead.js';
import { type ReadEventsOptions, readEvents, readForwardedEvents } from '../queue/read-events.js';
import { failpoint } from '../runtime/failpoint.js';
import type { Logger } from '../runtime/log.js';
import { EventApplier } from './apply-events.js';
import type { AppliedScript } from './apply-script.js';
import { isNext, lockPosition, noteEvents } from './batch-position.js';
import type { BatchQueue } from './batch-queue.js';
import { SCRIPT_EVENT } from './control-event.js';
import { cutBehindScripts } from './cut-behind-scripts.js';
import { cutWhenStopped } from './cut-when-stopped.js';
import { findLateViolation } from './find-late-violation.js';
import { forwardBlock } from './forward-events.js';
import { assertNothingActs, isUnprivileged, takeOff } from './keep-off.js';
import { LargeRows } from './large-rows.js';
import { BatchAgain, type ResumePoint, ShapeConflicts, type WaitPorts } from './shape-conflicts.js';
import { type BlocksWrittenAgain, countWrittenAgain } from './slow-tables.js';
import type { TableRegistry } from './table-registry.js';
import { TakenTables } from './taken-tables.js';

export interface ProcessBatchPorts {
  readonly provider: Connection;
  /** Another session on the provider, for rows that are too large to be held here. */
  readonly openProvider: () => Promise<Connection>;
  readonly subscriber: Connection;
  readonly consumerName: string;
  readonly registry: TableRegistry;
  readonly reading: ReadEventsOptions;
  readonly bulkRows: number;
  /** False when a block is sent only when the one before is done. */
  readonly overlaps?: false;
  readonly isApplied: (tableName: string) => boolean;
  /** Called when there is an event of a table that is not applied. */
  readonly notePassed?: (tableName: string) => void;
  readonly controlEvents: boolean;
  /** Of the one table that catches up some rows are still to be copied. Throws PC502 then where it would be parked. */
  readonly isHalfCopied?: true | undefined;
  /** Events that are not applied here, though their table is: see ResurrectedKeys. */
  readonly isLeftOut?: (event: QueueEvent) => boolean;
  /** Where the batch goes to besides the tables: the queue of a branch, or the one that this queue is merged into. */
  readonly openQueue?: ((tx: Connection, batch: Batch) => Promise<BatchQueue>) | undefined;
  /** How a table waits that does not fit its events; undefined when it is parked like any other. */
  readonly waits?: WaitPorts | undefined;
  /** Where the one table goes on that catches up: events before that are here already. */
  readonly resumeAt?: ResumePoint | undefined;
  readonly log: Logger;
  readonly signal: AbortSignal;
}

export interface BatchOutcome {
  /** False when the batch had been applied before: the provider lost our finish_batch. */
  readonly applied: boolean;
  readonly eventCount: number;
  /** Tables that are parked until somebody does something about them. */
  readonly conflicts: readonly TableConflict[];
  /** Tables that wait until they fit. When it is the one that catches up, its consumer has not moved past the batch. */
  readonly waiting: readonly TableConflict[];
  readonly scripts: readonly AppliedScript[];
  /** Tables of which changes were left out, because their rows are not here. */
  readonly leftOut: readonly TableLeftOut[];
  /** Tables whose blocks were written in a slower way than they were planned. */
  readonly writtenAgain: readonly BlocksWrittenAgain[];
}

/**
 * Carries one batch over: applies it on the subscriber and records its end tick in one transaction, then closes it
 * on the provider. When a table does not fit its events the transaction is rolled back and done again, at most a few times.
 *
 * After a crash before the commit nothing has happened; after the commit the end tick tells that all has, and the
 * repeated call only closes the batch. Undefined when nothing has happened and the batch was given back, because a table is to wait in the
 * middle of it and it is of several ticks: the next ones are to be of one tick, up to its end. Throws PC305 when the batch does not follow what the subscriber has, PC412 for a
 * table that is to stop the worker when it cannot take an event: nothing of the batch has happened then.
 */
export async function processBatch(
  ports: ProcessBatchPorts,
  batch: Batch,
): Promise<BatchOutcome | undefined> {
  return tryUntilDone(ports, batch, []);
}

/** `late`: what earlier tries have found at their ends; more is added. */
async function tryUntilDone(
  ports: ProcessBatchPorts,
  batch: Batch,
  late: TableConflict[],
): Promise<BatchOutcome | undefined> {
  const shapes = ports.waits && new ShapeConflicts({ ...ports, ...ports.waits }, batch);
  for (;;) {
    const written = new Set<string>();
    try {
      return await tryBatch(ports, batch, shapes, { written, late });
    } catch (error) {
      if (error instanceof WrittenAhead && ports.overlaps !== false)
        return elsewhere({ ...ports, overlaps: false }, batch, [...written], late);
      if (error instanceof LateConflict || (await tookOff(ports, batch, written, error))) {
        if (error instanceof LateConflict) late.push(error.conflict);
        ports.signal.throwIfAborted();
        if (!ports.provider.isOpen) return elsewhere(ports, batch, [...written], late);
        await readTablesAnew(ports, [...written]);
        continue;
      }
      if (!(error instanceof BatchAgain) || shapes === undefined) throw error;
      ports.signal.throwIfAborted();
      if (!(await shapes.prepareNextTry())) return undefined;
      await readTablesAnew(ports, shapes.found);
    }
  }
}

/** The batch anew, on another session: the one that it was read by has been cut in the middle. */
async function elsewhere(
  ports: ProcessBatchPorts,
  batch: Batch,
  written: readonly string[],
  late: TableConflict[],
): Promise<BatchOutcome | undefined> {
  ports.signal.throwIfAborted();
  await using provider = await ports.openProvider();
  const again: ProcessBatchPorts = { ...ports, provider };
  using _ = cutWhenStopped(ports.signal, provider);
  await readTablesAnew(again, written);
  return await tryUntilDone(again, batch, late);
}

/**
 * Whether the batch failed in a session where user triggers and foreign keys act, and one of them was there that has been taken off
 * now: whatever it did or said came from that, and is rolled back.
 */
async function tookOff(
  { subscriber, signal, log }: ProcessBatchPorts,
  { queueName }: Batch,
  written: ReadonlySet<string>,
  error: unknown,
): Promise<boolean> {
  const isOfServer = sqlstateOf(error) !== undefined || error instanceof BatchAgain;
  if (!isOfServer && !(error instanceof ReplicateError && ['PC204', 'PC412', 'PC415'].includes(error.code)))
    return false;
  if (signal.aborted || !subscriber.isOpen || !(await isUnprivileged(subscriber))) return false;
  return (await takeOff(subscriber, queueName, [...written], log)) > 0;
}

/** What is held of the tables is out of date, or comes from the transaction that was rolled back. */
async function readTablesAnew(ports: ProcessBatchPorts, tables: readonly string[]): Promise<void> {
  const { registry, subscriber, provider, controlEvents, isApplied } = ports;
  // A copy's consumer runs beside the worker, which may have read the list in a transaction of its own.
  if (controlEvents) await registry.reload(subscriber);
  else for (const tableName of tables) registry.forgetTarget(tableName);
  await registry.prepareHandlers(provider, (name) => isApplied(name) || registry.forwardsSelection(name));
}

/** Thrown to roll a batch back in which a deferred key does not hold when it is checked: the table is parked in the next try. */
class LateConflict extends Error {
  readonly conflict: TableConflict;

  constructor(conflict: TableConflict) {
    super(conflict.message);
    this.conflict = conflict;
  }
}

/**
 * Checks the deferrable keys, which are deferred in a session that is none of a replica. Throws LateConflict where that says
 * which table it is.
 */
async function checkDeferred(tx: Connection, registry: TableRegistry, eventId: EventId): Promise<void> {
  const found = await findLateViolation(tx, registry.tables);
  if (found === undefined) return;
  const { tableName, message } = found;
  throw new LateConflict({ queueTable: tableName, eventId, code: 'PC402', message, key: null });
}

interface TryState {
  /** Filled with the tables whose events were applied. */
  readonly written: Set<string>;
  /** What earlier tries have found at their ends. */
  readonly late: readonly TableConflict[];
}

async function tryBatch(
  ports: ProcessBatchPorts,
  batch: Batch,
  shapes: ShapeConflicts | undefined,
  { written, late }: TryState,
): Promise<BatchOutcome> {
  const conflicts: TableConflict[] = [];
  const scripts: AppliedScript[] = [];
  const missing = new Map<string, TableLeftOut>();
  const again = new Map<string, Omit<BlocksWrittenAgain, 'total'>>();
  const writtenAgain: BlocksWrittenAgain[] = [];
  let eventCount = 0;
  /** Tables whose further events are left out: parked, or to be copied anew. */
  const leftOut = new Set<string>();
  const isApplied = (tableName: string) => {
    if (leftOut.has(tableName)) return false;
    if (!ports.isApplied(tableName)) {
      ports.notePassed?.(tableName);
      return false;
    }
    written.add(tableName);
    return true;
  };

  await using largeEvents = new LargeEvents(ports.openProvider, batch);
  const outcome = await ports.subscriber.transaction(async (tx) => {
    const largeRows = new LargeRows(tx, largeEvents);
    const triggersAct = await lockPosition(tx, ports.consumerName, batch);
    if (!(await isNext(tx, ports.consumerName, batch))) return 'known';
    const assertQuiet = async () => {
      if (triggersAct && written.size > 0)
        await assertNothingActs(tx, batch.queueName, ports.registry.named(written));
    };
    const park = async (conflict: TableConflict) => {
      if (ports.isHalfCopied) throw doesNotFit(conflict);
      await assertNotEmptied(tx, batch.queueName, [conflict.queueTable]);
      if (triggersAct)
        await assertNothingActs(tx, batch.queueName, ports.registry.named([conflict.queueTable]));
      leftOut.add(conflict.queueTable);
      if (ports.registry.conflictPolicy(conflict.queueTable) === 'stop') {
        // What is held of the table may be out of date: then it is tried once more.
        if (shapes?.isNew(conflict) !== true) throw stopping(conflict);
      }
      if (shapes?.note(conflict) === true) return;
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
    for (const conflict of late) await park(conflict);
    const taken = new TakenTables({ tx, batch, registry: ports.registry, park });
    await using applier = new EventApplier({
      queueName: batch.queueName,
      tx,
      bulkRows: ports.bulkRows,
      overlaps: ports.overlaps !== false,
      isHalfCopied: ports.isHalfCopied,
      registry: ports.registry,
      taken,
      largeRows,
      isApplied,
      controlEvents: ports.controlEvents
        ? {
            consumerName: ports.consumerName,
            endTick: batch.endTick,
            leaveOut: (tableName: string) => leftOut.add(tableName),
          }
        : undefined,
      park,
      noteLeftOut: (found: TableLeftOut) => {
        const before = missing.get(found.queueTable);
        const count = (before?.count ?? 0) + found.count;
        missing.set(found.queueTable, { ...(before ?? found), count });
      },
      noteWrittenAgain: ({ queueTable, reason }: TableWrittenAgain) => {
        again.set(queueTable, { queueTable, reason, blocks: (again.get(queueTable)?.blocks ?? 0) + 1 });
      },
      beforeControl: async ({ type }) => {
        await assertQuiet();
        // A script finds nothing deferred.
        if (triggersAct && type === SCRIPT_EVENT) await checkDeferred(tx, ports.registry, lastEvent);
      },
      noteScript: (script: AppliedScript) => scripts.push(script),
    });
    let isEmpty = true;
    let lastEvent = 0n as EventId;
    // A COPY that is left before its end can only be cut.
    const ahead = <E>(blocks: AsyncGenerator<E[], void, undefined>) =>
      readAhead(blocks, () => ports.provider.destroy());
    const work = async (block: readonly QueueEvent[], meanwhile?: () => Promise<void>) => {
      isEmpty = false;
      lastEvent = block.at(-1)?.id ?? lastEvent;
      ports.signal.throwIfAborted();
      const events = block.filter((event) => !isHereOrLeftOut(ports, batch, event));
      let from = 0;
      for (let at = 0; at < events.length; at++) {
        const tableName = shapes?.waitingFrom(events[at] as QueueEvent);
        if (tableName === undefined) continue;
        await applier.apply(events.slice(from, at));
        await applier.settle();
        from = at;
        await assertNotEmptied(tx, batch.queueName, [tableName]);
        await shapes?.begin(tx, tableName);
        leftOut.add(tableName);
      }
      await applier.apply(from === 0 ? events : events.slice(from), meanwhile);
    };
    const { registry } = ports;
    const isUnseen = (name: string) =>
      ports.isHalfCopied === undefined &&
      !registry.forwardsSelection(name) &&
      (!isApplied(name) || (!taken.has(name) && registry.takesUnseenRows(name)));
    /** The row of a large event, the last of its block, is held here only where something is to be made of it. */
    const withRow = async <E extends QueueEvent>(block: readonly E[]): Promise<readonly E[]> => {
      const last = block.at(-1);
      if (last?.largeBytes === undefined || last.extra1 === null || isUnseen(last.extra1)) return block;
      await applier.settle();
      return [...block.slice(0, -1), await largeRows.whole(last)];
    };
    if (ports.openQueue !== undefined) {
      const queue = await ports.openQueue(tx, batch);
      const takesLarge = queue.writeLarge !== undefined;
      const blocks = readForwardedEvents(ports.provider, batch, ports.reading, takesLarge);
      for await (const read of ahead(cutBehindScripts(blocks))) {
        const block = await withRow(read);
        await work(block, () => forwardBlock({ tx, queue, registry, largeRows }, read, block));
      }
      await applier.settle();
      await queue.end();
    } else {
      const reading = { ...ports.reading, timedTables: registry.timedTables };
      for await (const block of ahead(cutBehindScripts(readEvents(ports.provider, batch, reading))))
        await work(await withRow(block));
    }
    await applier.settle();
    await taken.finish();
    eventCount = applier.applied;
    shapes?.assertNone();
    for (const { queueTable, count } of missing.values()) {
      await tx.query('select pgcascade.count_left_out($1, $2, $3)', [batch.queueName, queueTable, count]);
    }
    for (const blocks of again.values())
      writtenAgain.push(await countWrittenAgain(tx, batch.queueName, blocks));
    if (written.size > 0) {
      await assertNotEmptied(tx, batch.queueName, [...written]);
      await assertQuiet();
      if (triggersAct) await checkDeferred(tx, ports.registry, lastEvent);
    }
    if ((shapes?.waiting.length ?? 0) > 0) await failpoint('wait-before-commit');
    // The one table of a copy's consumer waits: that stays where it is.
    if (!ports.controlEvents && (shapes?.waiting.length ?? 0) > 0) return 'waits';
    // The consumers of copies carry only a part; the position of the node is the worker's.
    if (!isEmpty && ports.controlEvents) await noteEvents(tx, batch);
    await tx.query('select pgq_node.set_consumer_completed($1, $2, $3)', [
      batch.queueName,
      ports.consumerName,
      batch.endTick,
    ]);
    if (eventCount > 0) await failpoint('worker-before-commit');
    return 'applied';
  });
  const waiting = outcome === 'known' ? [] : (shapes?.waiting ?? []);
  if (waiting.length > 0) await failpoint('wait-committed');
  if (eventCount > 0) await failpoint('worker-after-commit');
  if (outcome !== 'waits') await finishBatch(ports.provider, batch);
  return {
    applied: outcome !== 'known',
    eventCount,
    conflicts,
    waiting,
    scripts,
    leftOut: [...missing.values()],
    writtenAgain,
  };
}

/** Names the row by its key only. */
function stopping({ queueTable, eventId, key, code, message }: TableConflict): ReplicateError {
  const row = key === null ? '' : `, key ${key}`;
  return new ReplicateError(
    'PC412',
    `Table ${queueTable} cannot take event ${eventId}${row}, and is to stop the worker then. ${code}: ${message}`,
    { table: queueTable, eventId, key, conflict: code },
  );
}

function doesNotFit({ queueTable, code, message }: TableConflict): ReplicateError {
  return new ReplicateError(
    'PC502',
    `Table ${queueTable} cannot take what has happened since its copy was interrupted, so the copy begins anew. ${code}: ${message}`,
    { table: queueTable, conflict: code },
  );
}

function isHereOrLeftOut(
  { resumeAt, isLeftOut }: ProcessBatchPorts,
  batch: Batch,
  event: QueueEvent,
): boolean {
  if (resumeAt !== undefined && batch.startTick === resumeAt.tick && event.id < resumeAt.event) return true;
  return isLeftOut?.(event) === true;
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
