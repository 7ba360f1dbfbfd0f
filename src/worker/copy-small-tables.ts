import { columnList, copyColumns, readCopySides } from '../copy/copy-columns.js';
import { type CopyProgress, INDEXES_AFTER_ROWS } from '../copy/copy-table.js';
import { streamRows } from '../copy/stream-rows.js';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { isWholeTable } from '../handlers/row-selection.js';
import type { TickId } from '../queue/ids.js';
import { beginReplication } from '../replica/begin-replication.js';
import { failpoint } from '../runtime/failpoint.js';
import { type CopyDataPorts, recordCopies, registerCopies } from './copy-job.js';
import { withCopySessions } from './copy-sessions.js';
import { findSources, takeCopySnapshot } from './copy-source.js';
import { dropForeignKeys } from './foreign-keys.js';
import { assertNothingActs, isUnprivileged, takeOff } from './keep-off.js';
import { skipsTruncate } from './merged-table.js';
import type { RegisteredTable } from './table-registry.js';
import { assertAsRegistered, lockTableStates, setTableStates } from './table-state.js';

/** How many tables are copied together at most: all of them are locked here until the last one's rows are in. */
export const TOGETHER = 50;
/** A table that is larger, or large enough for ranges, is copied by itself. */
const SMALL_BYTES = 4 * 1024 * 1024;
const TOGETHER_BYTES = 16 * 1024 * 1024;
/** How long a busy table may hold up the others; it is then copied by itself, which is more patient. */
const LOCK_PATIENCE_MS = 1_000;
/** How long the transaction, with all its locks, waits to record what it has done. */
const RECORD_PATIENCE_MS = 5_000;
/** `analyze` takes several tables from there on. */
const ANALYZES_SEVERAL = 110_000;

export interface SmallCopyPorts extends Omit<CopyDataPorts, 'report' | 'reportPhase' | 'registry' | 'lanes'> {
  readonly report: (tableName: string, progress: CopyProgress) => void;
  /** Those of the tables that are copied now. */
  readonly onChosen: (tableNames: readonly string[]) => void;
  /** The tables will be here as of this tick, which nobody has seen yet. */
  readonly onTick: (tick: TickId) => void;
  /** The tables are here as of this tick, in the state `catching-up`. */
  readonly onCopied: (tableNames: readonly string[], tick: TickId) => void;
}

/** What was not copied of tables that were to be copied together, though it is wanted still. */
export interface SmallCopies {
  /** Tables that cannot be copied now, and why. */
  readonly failed: ReadonlyMap<string, ReplicateError>;
  /** Tables that have to be copied by themselves. */
  readonly alone: readonly string[];
  /** Tables that were too much for one time. */
  readonly later: readonly string[];
}

/** False for a table that is in any case copied by itself: one with a handler that makes something of its rows, say. */
export function mayBeCopiedTogether(table: RegisteredTable): boolean {
  const { handler } = table;
  return (
    !(handler instanceof ReplicateError) &&
    isWholeTable(handler.selection) &&
    handler.openCopy === undefined &&
    handler.takeOver === undefined &&
    handler.columnHere === undefined &&
    !skipsTruncate(table)
  );
}

/**
 * Copies small tables together: one snapshot that is a tick, one transaction on the subscriber with the rows, states and positions of all,
 * the same sessions for all. What is not a plain small table is left to be copied by itself, as is everything when this fails.
 *
 * After a crash before the commit nothing has changed but the state (`in-copy`) and foreign keys that were taken off; after it all of them
 * are here.
 */
export async function copySmallTables(
  ports: SmallCopyPorts,
  tables: readonly RegisteredTable[],
): Promise<SmallCopies> {
  return withCopySessions(ports, async ({ openReader, openWriter }) => {
    const [anchor, reader, writer] = await Promise.all([openReader(), openReader(), openWriter()]);
    const { chosen, ...left } = await choose(ports, { anchor, writer }, tables);
    if (chosen.length === 0) return left;
    ports.onChosen(chosen.map(({ tableName }) => tableName));
    await prepare(ports, writer, chosen);
    const progress = new Map<string, CopyProgress>();
    const done = await writer.transaction((tx) => copy(ports, { anchor, reader, tx }, chosen, progress));
    await failpoint('copy-committed');
    if (done.tick === undefined) return left;
    for (const [tableName, last] of progress) ports.report(tableName, last);
    ports.onCopied(
      done.tables.map(({ tableName }) => tableName),
      done.tick,
    );
    await analyze(ports, writer, done.tables);
    return left;
  });
}

interface SmallTable extends RegisteredTable {
  readonly sourceTable: string;
}

async function choose(
  { options }: SmallCopyPorts,
  { anchor, writer }: { readonly anchor: Connection; readonly writer: Connection },
  tables: readonly RegisteredTable[],
): Promise<SmallCopies & { readonly chosen: readonly SmallTable[] }> {
  const { queueName } = options;
  const names = tables.map(({ tableName }) => tableName);
  const sources = await findSources(anchor, queueName, names);
  const there = await readCopySides(
    anchor,
    [...sources.values()].filter((source) => typeof source === 'string'),
  );
  const here = await readCopySides(
    writer,
    tables.map(({ destTable }) => destTable),
  );
  const special = await readSpecial(writer, queueName, names);
  const chosen: SmallTable[] = [];
  const failed = new Map<string, ReplicateError>();
  const alone: string[] = [];
  const later: string[] = [];
  let bytes = 0n;
  for (const table of tables) {
    const { tableName, destTable } = table;
    const sourceTable = sources.get(tableName);
    if (sourceTable instanceof ReplicateError) failed.set(tableName, sourceTable);
    if (typeof sourceTable !== 'string') continue;
    const side = there.get(sourceTable);
    const isSmall =
      side?.relkind === 'r' &&
      here.get(destTable)?.relkind === 'r' &&
      side.bytes <= Math.min(SMALL_BYTES, options.copySplitBytes) &&
      side.rowsExpected < INDEXES_AFTER_ROWS;
    if (!isSmall || special.has(tableName)) {
      alone.push(tableName);
      continue;
    }
    bytes += side.bytes;
    if (bytes > TOGETHER_BYTES) later.push(tableName);
    else chosen.push({ ...table, sourceTable });
  }
  // In one order, so that two who do this do not wait for each other.
  chosen.sort((one, other) => (one.destTable < other.destTable ? -1 : 1));
  return { chosen, failed, alone, later };
}

/** Tables that other queues feed too, and those of which ranges are here. */
async function readSpecial(
  subscriber: Connection,
  queueName: string,
  tableNames: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await subscriber.query<{ name: string }>(
    `select own_table as name from pgcascade.other_parts($1, null) where own_table = any ($2)
      union all
     select table_name from pgcascade.ranged_copy where queue_name = $1 and table_name = any ($2)`,
    [queueName, tableNames],
  );
  return new Set(rows.map(({ name }) => name));
}

/** The tables are being copied from here on, and nothing acts on their rows any more. Throws PC502 for one that was registered in another way meanwhile. */
async function prepare(
  { options }: SmallCopyPorts,
  writer: Connection,
  tables: readonly SmallTable[],
): Promise<void> {
  const { queueName, log } = options;
  const names = tables.map(({ tableName }) => tableName);
  await writer.transaction(async (tx) => {
    const states = await lockTableStates(tx, queueName, names);
    const wanted = tables.filter((table) => {
      const state = states.get(table.tableName);
      if (state === undefined || state.mergeState === 'ok') return false;
      assertAsRegistered(table, state);
      return true;
    });
    await setTableStates(
      tx,
      queueName,
      wanted.map(({ tableName }) => tableName),
      'in-copy',
    );
  });
  const dests = tables.map(({ destTable }) => destTable);
  const withKeys = await writer.query<{ name: string }>(
    `select n.name
       from unnest($1::text[], $2::text[]) as n(name, quoted)
      where exists (select
                      from pg_constraint as c
                     where c.contype = 'f'
                       and to_regclass(n.quoted) in (c.conrelid, c.confrelid))`,
    [dests, dests.map(quoteName)],
  );
  for (const { name } of withKeys) await dropForeignKeys(writer, name, LOCK_PATIENCE_MS);
  if (await isUnprivileged(writer)) await takeOff(writer, queueName, names, log, LOCK_PATIENCE_MS);
}

interface CopySides {
  readonly anchor: Connection;
  readonly reader: Connection;
  /** The transaction of all. */
  readonly tx: Connection;
}

async function copy(
  ports: SmallCopyPorts,
  { anchor, reader, tx }: CopySides,
  chosen: readonly SmallTable[],
  progress: Map<string, CopyProgress>,
): Promise<{ readonly tick: TickId | undefined; readonly tables: readonly SmallTable[] }> {
  const { options, signal, throttle } = ports;
  const { queueName } = options;
  const triggersAct = await beginReplication(tx);
  await tx.execute(`set local lock_timeout = ${LOCK_PATIENCE_MS}`);
  const all = chosen.map(({ destTable }) => `only ${quoteName(destTable)}`);
  await tx.execute(`lock table ${all.join(', ')} in access exclusive mode`);
  const tables = await stillWaiting(tx, queueName, chosen);
  if (tables.length === 0) return { tick: undefined, tables };
  await tx.execute('set local lock_timeout = 0');
  const names = tables.map(({ tableName }) => tableName);
  const tick = await takeCopySnapshot(ports, tx, {
    anchor,
    reader,
    tables: new Map(tables.map(({ tableName, sourceTable }) => [tableName, sourceTable])),
    deadlineMs: 2 * LOCK_PATIENCE_MS,
    onTick: ports.onTick,
  });
  await registerCopies(ports, names, anchor, tick);
  await failpoint('copy-snapshot-taken');
  const there = await readCopySides(
    reader,
    tables.map(({ sourceTable }) => sourceTable),
  );
  const here = await readCopySides(
    tx,
    tables.map(({ destTable }) => destTable),
  );
  await empty(tx, tables);
  for (const { tableName, sourceTable, destTable, handler } of tables) {
    const source = there.get(sourceTable);
    const dest = here.get(destTable);
    if (source === undefined || dest === undefined || handler instanceof ReplicateError)
      throw new ReplicateError('PC502', `Table ${tableName} is not what it was a moment ago.`);
    const columns = columnList(copyColumns(sourceTable, source, dest, handler.selection));
    let rows = 0;
    let bytes = 0;
    await streamRows({
      reader,
      copyOut: `copy ${quoteName(sourceTable)} ${columns} to stdout`,
      writer: tx,
      copyIn: `copy ${quoteName(destTable)} ${columns} from stdin`,
      format: 'text',
      count: (moreRows, moreBytes) => {
        rows += moreRows;
        bytes += moreBytes;
      },
      throttle,
      signal,
    });
    progress.set(tableName, {
      phase: 'catching-up',
      rowsDone: rows,
      bytesDone: bytes,
      rowsExpected: rows,
      bytesExpected: bytes,
    });
  }
  await reader.execute('rollback');
  if (triggersAct) await assertNothingActs(tx, queueName, tables);
  // Who has changed registrations and does not commit may not keep everybody from reading all these tables.
  await tx.execute(`set local lock_timeout = ${RECORD_PATIENCE_MS}`);
  await recordCopies(ports, names, tx, tick);
  await failpoint('copy-data-written');
  return { tick, tables };
}

/**
 * Those of the locked tables that were neither reset nor removed meanwhile, and their states locked: a resync waits until this one is done. Throws PC502
 * when other queues feed one of them now.
 */
async function stillWaiting(
  tx: Connection,
  queueName: string,
  chosen: readonly SmallTable[],
): Promise<readonly SmallTable[]> {
  const states = await lockTableStates(
    tx,
    queueName,
    chosen.map(({ tableName }) => tableName),
  );
  const tables = chosen.filter(({ tableName }) => states.get(tableName)?.mergeState === 'in-copy');
  const names = tables.map(({ tableName }) => tableName);
  const [special] = await readSpecial(tx, queueName, names);
  if (special !== undefined)
    throw new ReplicateError('PC502', `Table ${special} is fed by other queues too.`);
  await tx.query(
    `select pgcascade.take_part(e.queue_name, e.table_name)
       from pgcascade.empty_part as e
      where e.queue_name = $1
        and e.table_name = any ($2)`,
    [queueName, names],
  );
  return tables;
}

/** A table without a page need not be truncated: that would cost a file. */
async function empty(tx: Connection, tables: readonly SmallTable[]): Promise<void> {
  const names = tables.map(({ destTable }) => quoteName(destTable));
  const filled = await tx.query<{ name: string }>(
    'select n.name from unnest($1::text[]) as n(name) where pg_relation_size(to_regclass(n.name)) > 0',
    [names],
  );
  if (filled.length === 0) return;
  await tx.execute(`truncate ${filled.map(({ name }) => `only ${name}`).join(', ')}`);
}

/** Never throws: the rows are here, and the next autovacuum analyzes them too. */
async function analyze(
  { options }: SmallCopyPorts,
  writer: Connection,
  tables: readonly SmallTable[],
): Promise<void> {
  try {
    await writer.execute('set synchronous_commit = off');
    const names = tables.map(({ destTable }) => quoteName(destTable));
    if (writer.serverVersion >= ANALYZES_SEVERAL) await writer.execute(`analyze ${names.join(', ')}`);
    else for (const name of names) await writer.execute(`analyze ${name}`);
  } catch (error) {
    options.log.debug({ err: error }, 'Small tables cannot be analyzed');
  }
}
