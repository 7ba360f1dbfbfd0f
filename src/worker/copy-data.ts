import { withTableLock } from '../capture/with-table-lock.js';
import { copyTable } from '../copy/copy-table.js';
import { markStale, readOtherRangedCopies, readRangedCopy, undoRangedCopy } from '../copy/range-ledger.js';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TickId } from '../queue/ids.js';
import { beginReplication } from '../replica/begin-replication.js';
import { failpoint } from '../runtime/failpoint.js';
import { copyInRanges } from './copy-in-ranges.js';
import {
  type CopyDataPorts,
  finishCopy,
  LOCK_PATIENCE_MS,
  type ProviderSide,
  registerCopies,
} from './copy-job.js';
import { withCopySessions } from './copy-sessions.js';
import { findSource, takeCopySnapshot } from './copy-source.js';
import { dropForeignKeys } from './foreign-keys.js';
import { isUnprivileged, takeOff } from './keep-off.js';
import { emptyMerged, isPartToAdd, skipsTruncate, takePart } from './merged-table.js';
import type { RegisteredTable } from './table-registry.js';
import { assertAsRegistered, assertWaitsForCopy, lockTableState, setTableState } from './table-state.js';

/**
 * Copies one table as of a tick and leaves it in the state `catching-up` at that tick, which it returns.
 *
 * The rows, the indexes, the state and the position are one transaction on the subscriber: after a crash the table is
 * as it was before, still waiting for its copy, and the call may be repeated. A table that other queues feed too is
 * emptied in a transaction before: see `emptyMerged`.
 */
export async function copyData(ports: CopyDataPorts, table: RegisteredTable): Promise<TickId> {
  const { options } = ports;
  const { queueName } = options;
  const { handler } = table;
  if (handler instanceof ReplicateError) throw handler;
  return withCopySessions(ports, async ({ openReader, openWriter }) => {
    const [anchor, reader, writer] = await Promise.all([openReader(), openReader(), openWriter()]);
    await assertWaitsForCopy(writer, queueName, table.tableName);
    const sourceTable = await findSource(anchor, queueName, table.tableName);
    await enterCopy(writer, queueName, table);
    await dropForeignKeys(writer, table.destTable);
    if (await isUnprivileged(writer)) await takeOff(writer, queueName, [table.tableName], options.log);

    const sides = { anchor, reader, sourceTable };
    const job = { ports, table, handler, sides, writer, openReader, openWriter };
    await undoOthers(ports, table, writer);
    const isPart = await isPartToAdd(writer, queueName, table);
    if (isPart) await undoOwn(ports, table, writer);
    const tick =
      (isPart ? undefined : ((await copyInRanges(job)) ?? (await copyAlone(ports, table, writer, sides)))) ??
      (await addPart(ports, table, writer, sides));
    await failpoint('copy-committed');
    await writer.execute(`analyze ${quoteName(table.destTable)}`);
    return tick;
  });
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
  sides: ProviderSide,
  skipTruncate: boolean,
): Promise<TickId> {
  const { anchor, reader, sourceTable } = sides;
  const { queueName } = ports.options;
  const { handler } = table;
  if (handler instanceof ReplicateError) throw handler;
  const snapshotTick = await takeCopySnapshot(ports, tx, {
    anchor,
    reader,
    tables: new Map([[table.tableName, sourceTable]]),
  });
  await registerCopies(ports, [table.tableName], anchor, snapshotTick);
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
    throttle: ports.throttle,
    signal: ports.signal,
  });
  await failpoint('copy-data-written');
  return snapshotTick;
}

/**
 * The table is being copied from here on. A copy that was interrupted may go on where it was; one whose table was reset since begins
 * anew.
 */
async function enterCopy(subscriber: Connection, queueName: string, table: RegisteredTable): Promise<void> {
  const { tableName } = table;
  await subscriber.transaction(async (tx) => {
    const state = await lockTableState(tx, queueName, tableName);
    if (state !== undefined) assertAsRegistered(table, state);
    if (state?.mergeState !== 'in-copy') await markStale(tx, queueName, [tableName]);
    await setTableState(tx, queueName, tableName, 'in-copy');
  });
}

/** What another queue has copied so far would be emptied with the rows of this one when its copy begins anew or ends: that is done before. */
async function undoOthers(ports: CopyDataPorts, table: RegisteredTable, writer: Connection): Promise<void> {
  const { queueName } = ports.options;
  for (const other of await readOtherRangedCopies(writer, queueName, table.destTable)) {
    await undoCopy(writer, table.destTable, other.queueName, other.tableName);
  }
}

async function undoOwn(ports: CopyDataPorts, table: RegisteredTable, writer: Connection): Promise<void> {
  const { queueName } = ports.options;
  if ((await readRangedCopy(writer, queueName, table.tableName)) === undefined) return;
  await undoCopy(writer, table.destTable, queueName, table.tableName);
}

async function undoCopy(
  writer: Connection,
  destTable: string,
  queueName: string,
  tableName: string,
): Promise<void> {
  const locking = { tableName: destTable, lockTimeoutMs: LOCK_PATIENCE_MS };
  await withTableLock(writer, locking, (tx) => undoRangedCopy(tx, queueName, tableName));
}
