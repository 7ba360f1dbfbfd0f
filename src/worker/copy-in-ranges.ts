import { withTableLock } from '../capture/with-table-lock.js';
import { copyColumns, readCopySide } from '../copy/copy-columns.js';
import { chooseFormat } from '../copy/copy-format.js';
import { countOut } from '../copy/copy-out.js';
import { type DestKey, readDestKey } from '../copy/dest-key.js';
import { divide, type PagedTable, readPagedTable } from '../copy/page-ranges.js';
import {
  beginRangedCopy,
  type DroppedIndex,
  endRangedCopy,
  mayRecordRangedCopy,
  type RangedCopy,
  readRangedCopy,
  undoRangedCopy,
} from '../copy/range-ledger.js';
import { findSecondaryIndexes } from '../copy/secondary-indexes.js';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';
import { beginReplication } from '../replica/begin-replication.js';
import { failpoint } from '../runtime/failpoint.js';
import { catchUp } from './catch-up.js';
import { copyConsumerName } from './copy-consumer-name.js';
import { finishCopy, LOCK_PATIENCE_MS, registerCopies } from './copy-job.js';
import { copyRanges } from './copy-ranges.js';
import { assertNoScriptSince, readScriptNames, takeCopySnapshot } from './copy-source.js';
import { emptyMerged, otherQueues, skipsTruncate, takePart } from './merged-table.js';
import { notAsItWas, type RangedJob, type RangedSnapshot } from './ranged-job.js';
import { shareWork } from './shared-work.js';

/**
 * Copies a large table in ranges of the provider's pages, several at a time, all in one snapshot that is a tick. Undefined for a table that
 * is copied in one go: a small one, a partitioned or merged one, one whose handler writes elsewhere.
 *
 * Each range is a transaction of its own, and recorded in it. A copy that was interrupted takes a new snapshot, and first applies
 * the events between the tick of the old one and the new to the rows that are here: what changed meanwhile is then here as in the new
 * snapshot, wherever it has moved to. Then it reads the ranges that are left, leaving out rows that are here. So a row that has
 * not changed is read once, and one that has comes with its event.
 */
export async function copyInRanges(job: RangedJob): Promise<TickId | undefined> {
  const { ports, table, handler, sides, writer } = job;
  const { queueName, copySplitBytes } = ports.options;
  const before = await readPagedTable(sides.anchor, sides.sourceTable);
  const isLarge = before !== undefined && divide(before, copySplitBytes).rangeCount > 1;
  const isRanged =
    isLarge &&
    handler.openCopy === undefined &&
    handler.takeOver === undefined &&
    !skipsTruncate(table) &&
    (await mayRecordRangedCopy(writer));
  let copy = await readRangedCopy(writer, queueName, table.tableName);
  if (copy !== undefined && !(isRanged && (await canGoOn(job, copy, before)))) {
    await undo(job);
    copy = undefined;
  }
  if (!isRanged) return undefined;
  try {
    // Most of what has come meanwhile, before a snapshot is held.
    if (copy !== undefined) await applyUpTo(job, ports.completedTick());
    const snapshot = await takeSnapshot(job);
    if (copy !== undefined && !(await canGoOn(job, copy, snapshot.paged, snapshot))) throw notAsItWas(table);
    const isResumed = copy !== undefined;
    if (copy === undefined) copy = await begin(job, snapshot);
    else if ((await applyUpTo(job, snapshot.tick)) !== snapshot.tick) throw notAsItWas(table);
    if (copy === undefined) {
      await sides.reader.execute('rollback');
      return undefined;
    }
    await failpoint('copy-snapshot-taken');
    await copyRanges(job, copy, snapshot, isResumed);
    await failpoint('copy-data-written');
    if (isResumed) await assertSameCount(job, snapshot.destKey);
    // The provider is not needed for the indexes: its table may be altered and its dead rows cleaned up again.
    await sides.reader.execute('rollback');
    await buildIndexes(job, copy);
    await finish(job, copy, snapshot.tick);
    return snapshot.tick;
  } catch (error) {
    if (copy === undefined || !writer.isOpen || ports.signal.aborted || !beginsAnew(error)) throw error;
    await undo(job);
    // A table that is begun anew needs no events of before.
    throw error instanceof ReplicateError && error.code !== 'PC502' ? notAsItWas(table) : error;
  }
}

/** True for what would happen again when the copy went on where it was. */
function beginsAnew(error: unknown): boolean {
  if (error instanceof ReplicateError) return ['PC502', 'PC606', 'PC305'].includes(error.code);
  // What the data say: integrity, types, the tables' shapes, a key that cannot be asked for.
  return (
    ['21', '22', '23', '42', '55'].includes(sqlstateOf(error)?.slice(0, 2) ?? '') &&
    !isLockNotAvailable(error)
  );
}

function isLockNotAvailable(error: unknown): boolean {
  return sqlstateOf(error) === SQLSTATE.lockNotAvailable;
}

/** Whether the ranges that are here still say what is missing. */
async function canGoOn(
  { ports, table, handler, sides, writer }: RangedJob,
  copy: RangedCopy,
  paged: PagedTable | undefined,
  snapshot?: RangedSnapshot,
): Promise<boolean> {
  const { queueName, consumerName } = ports.options;
  if (copy.isStale || paged === undefined || paged.keyColumns.length === 0) return false;
  if (copy.providerNode !== ports.providerNode || copy.sourceFile !== paged.file) return false;
  if (snapshot !== undefined && !isSame(snapshot.columns, copy.columns)) return false;
  const destKey = snapshot?.destKey ?? (await readDestKey(writer, table.destTable));
  const keyHere = paged.keyColumns.map((name) => handler.columnHere?.(name) ?? name);
  if (destKey.oid !== copy.destOid || !isSame(keyHere.sort(), [...destKey.columns].sort())) return false;
  const copyConsumer = copyConsumerName(consumerName, table.tableName);
  const known = await sides.anchor.query('select from pgq.get_consumer_info($1, $2)', [
    queueName,
    copyConsumer,
  ]);
  return known.length > 0 && (await readPosition(writer, queueName, copyConsumer)) !== undefined;
}

function isSame(one: readonly string[], other: readonly string[]): boolean {
  return one.join('\n') === other.join('\n');
}

async function readPosition(
  writer: Connection,
  queueName: string,
  consumer: string,
): Promise<TickId | undefined> {
  const { tick } = await writer.one<{ tick: bigint | null }>(
    'select completed_tick as tick from pgq_node.get_consumer_state($1, $2)',
    [queueName, consumer],
  );
  return tick === null ? undefined : tickId(tick);
}

async function undo({ ports, table, writer }: RangedJob): Promise<void> {
  const locking = { tableName: table.destTable, lockTimeoutMs: LOCK_PATIENCE_MS };
  await withTableLock(writer, locking, (tx) => undoRangedCopy(tx, ports.options.queueName, table.tableName));
}

async function takeSnapshot({ ports, table, handler, sides, writer }: RangedJob): Promise<RangedSnapshot> {
  const scriptsBefore = await readScriptNames(writer, ports.options.queueName);
  const { anchor, reader, sourceTable } = sides;
  const tables = new Map([[table.tableName, sourceTable]]);
  const tick = await takeCopySnapshot(ports, writer, { anchor, reader, tables });
  const paged = await readPagedTable(reader, sourceTable);
  if (paged === undefined) throw notAsItWas(table);
  const source = await readCopySide(reader, sourceTable);
  const dest = await readCopySide(writer, table.destTable);
  const columns = copyColumns(sourceTable, source, dest, handler.selection, handler.columnHere);
  const columnsHere = columns.map((name) => handler.columnHere?.(name) ?? name);
  const ends = {
    ...table,
    relkind: source.relkind,
    reader,
    sourceTable,
    columns,
    columnsHere,
    writer,
    handler,
  };
  return {
    tick,
    scriptsBefore,
    paged,
    columns,
    format: await chooseFormat(ends),
    destKey: await readDestKey(writer, table.destTable),
    rowsExpected: Number(source.rowsExpected),
    bytesExpected: Number(source.bytes),
  };
}

/** Empties the table and takes its indexes off; undefined when other queues feed it too. */
async function begin(
  job: RangedJob,
  { tick, scriptsBefore, paged, columns }: RangedSnapshot,
): Promise<RangedCopy | undefined> {
  const { ports, table, sides, writer } = job;
  const { queueName, consumerName, copySplitBytes } = ports.options;
  const copyConsumer = copyConsumerName(consumerName, table.tableName);
  await registerCopies(ports, [table.tableName], sides.anchor, tick);
  const locking = { tableName: table.destTable, lockTimeoutMs: LOCK_PATIENCE_MS };
  const begun = await withTableLock(writer, locking, async (tx) => {
    await beginReplication(tx);
    await tx.execute(`lock table ${quoteName(table.destTable)} in access exclusive mode`);
    if (await emptyMerged(tx, queueName, table)) return undefined;
    await assertNoScriptSince(sides.reader, tx, queueName, scriptsBefore);
    const { relkind } = await readCopySide(tx, table.destTable);
    await tx.execute(`truncate ${relkind === 'r' ? 'only ' : ''}${quoteName(table.destTable)}`);
    const indexes = await findSecondaryIndexes(tx, table.destTable);
    for (const index of indexes) await tx.execute(index.drop);
    await tx.query('select pgq_node.register_consumer($1, $2, $3, $4)', [
      queueName,
      copyConsumer,
      ports.providerNode,
      tick,
    ]);
    return beginRangedCopy(tx, queueName, table.tableName, table.destTable, {
      providerNode: ports.providerNode,
      sourceFile: paged.file,
      columns,
      ...divide(paged, copySplitBytes),
      indexes,
    });
  });
  if (begun !== undefined) await failpoint('copy-begun');
  return begun;
}

/** Applies what has happened since the rows were read that are here, and returns the tick where they stand. A row that a range will bring may be missing. */
async function applyUpTo(job: RangedJob, until: TickId): Promise<TickId> {
  const { ports, table, sides, writer } = job;
  const { options, registry, providerLocation, signal } = ports;
  const consumer = copyConsumerName(options.consumerName, table.tableName);
  const position = await readPosition(writer, options.queueName, consumer);
  if (position === undefined) throw notAsItWas(table);
  // The worker may not have come to the tick of the copy yet.
  if (position >= until) return position;
  const outcome = await catchUp(
    {
      options,
      provider: sides.anchor,
      providerLocation,
      subscriber: writer,
      registry,
      signal,
      isHalfCopied: true,
    },
    table.tableName,
    position,
    () => until,
  );
  if (outcome.kind !== 'reached') throw notAsItWas(table);
  return outcome.tick;
}

/**
 * Rows that have moved on the provider without an event, which nothing of ours does, would be missing. Throws PC502. To be called while the
 * snapshot is held.
 */
async function assertSameCount(
  { handler, sides, writer, table }: RangedJob,
  { relkind }: DestKey,
): Promise<void> {
  const there = await countOut(sides.reader, {
    sourceTable: sides.sourceTable,
    selection: handler.selection,
  });
  const { rows } = await writer.one<{ rows: bigint }>(
    `select count(*) as rows from ${relkind === 'r' ? 'only ' : ''}${quoteName(table.destTable)}`,
  );
  if (rows === there) return;
  throw new ReplicateError(
    'PC502',
    `Table ${table.tableName} has ${rows} rows after a copy that was interrupted, and ${there} on the provider: the copy begins anew.`,
    { table: table.tableName },
  );
}

/** Several at a time, while there are lanes; those that an earlier try has built are left. */
async function buildIndexes(job: RangedJob, { indexes }: RangedCopy): Promise<void> {
  const { ports, table, writer } = job;
  if (indexes.length === 0) return;
  ports.reportPhase('indexes');
  // A session that a killed worker has left may be building one: its lock lets nobody write.
  await writer.transaction((tx) =>
    tx.execute(`lock table ${quoteName(table.destTable)} in row exclusive mode`),
  );
  await shareWork<DroppedIndex, Connection>({
    lanes: ports.lanes,
    items: indexes,
    session: writer,
    openSession: job.openWriter,
    work: async ({ name, create }, session) => {
      ports.signal.throwIfAborted();
      const memory = ports.options.indexMemory;
      if (memory !== undefined)
        await session.query("select set_config('maintenance_work_mem', $1, false)", [memory]);
      const { found } = await session.one<{ found: boolean }>('select to_regclass($1) is not null as found', [
        name,
      ]);
      if (!found) await session.execute(create);
      await failpoint('copy-index-built');
    },
  });
}

/** State, position, and that no range is needed any more. Throws PC502 when the rows are wanted anew. */
async function finish({ ports, table, writer }: RangedJob, copy: RangedCopy, tick: TickId): Promise<void> {
  const { queueName } = ports.options;
  await writer.transaction(async (tx) => {
    await beginReplication(tx);
    // Another queue that feeds the table from now on empties it first, and waits for the end of this transaction.
    await tx.execute(`lock table ${quoteName(table.destTable)} in row exclusive mode`);
    if ((await otherQueues(tx, queueName, table.tableName)).length > 0) throw notAsItWas(table);
    for (const { finish: statements } of copy.indexes)
      for (const statement of statements) await tx.execute(statement);
    await takePart(tx, queueName, table.tableName);
    await finishCopy(ports, table, tx, tick);
    await endRangedCopy(tx, copy);
  });
}
