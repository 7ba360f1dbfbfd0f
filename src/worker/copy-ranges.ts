import { type CopyRangeOptions, copyRange } from '../copy/copy-range.js';
import type { CopyProgress } from '../copy/copy-table.js';
import { type PageRange, pageRanges } from '../copy/page-ranges.js';
import { type FinishedRanges, noteRange, type RangedCopy, readFinishedRanges } from '../copy/range-ledger.js';
import { exportSnapshot, importSnapshot } from '../copy/tick-snapshot.js';
import type { Connection } from '../db/connection.js';
import { beginReplication } from '../replica/begin-replication.js';
import { failpoint } from '../runtime/failpoint.js';
import { assertNothingActs } from './keep-off.js';
import type { RangedJob, RangedSnapshot } from './ranged-job.js';
import { shareWork } from './shared-work.js';
import { assertStillInCopy } from './table-state.js';

/** All ranges that are not here yet: by this copy's own sessions, and by others while there are lanes that nobody needs. */
export async function copyRanges(
  job: RangedJob,
  copy: RangedCopy,
  snapshot: RangedSnapshot,
  isResumed: boolean,
): Promise<void> {
  const { ports, sides, writer } = job;
  const finished = await readFinishedRanges(writer, copy);
  const pending = pageRanges(copy.rangePages, copy.rangeCount).filter(
    ({ number }) => !finished.numbers.has(number),
  );
  ports.options.log.info(
    {
      table: job.table.tableName,
      tick: snapshot.tick,
      ranges: copy.rangeCount,
      finished: finished.numbers.size,
    },
    isResumed ? 'Copy goes on' : 'Copy in ranges',
  );
  const progress = new RangeProgress(ports.report, snapshot, finished);
  progress.show('data');
  const options = rangeOptions(job, snapshot, isResumed, progress);
  const name = await exportSnapshot(sides.reader);
  await shareWork<PageRange, RangeSessions>({
    lanes: ports.lanes,
    items: pending,
    session: { reader: sides.reader, writer },
    openSession: async () => {
      const reader = await job.openReader();
      const here = await job.openWriter();
      const close = async () => void (await Promise.all([reader.close(), here.close()]));
      await importSnapshot(reader, name);
      return { reader, writer: here, [Symbol.asyncDispose]: close };
    },
    work: (range, sessions) => oneRange(job, copy, range, { ...sessions, options }),
  });
}

function rangeOptions(
  { ports, table, handler, sides }: RangedJob,
  { paged, columns, format, destKey }: RangedSnapshot,
  isResumed: boolean,
  progress: RangeProgress,
): CopyRangeOptions {
  const here = (name: string) => handler.columnHere?.(name) ?? name;
  return {
    source: {
      sourceTable: sides.sourceTable,
      queueName: ports.options.queueName,
      tableName: table.tableName,
      selection: handler.selection,
      columns,
      format,
    },
    paged,
    destTable: table.destTable,
    leavesOut: destKey.refusesOnConflict ? 'by key' : 'by conflict',
    columnsHere: columns.map(here),
    keyHere: paged.keyColumns.map(here),
    mayBeHere: isResumed,
    count: (rows, bytes) => progress.add(rows, bytes),
    throttle: ports.throttle,
    signal: ports.signal,
  };
}

interface RangeSessions {
  /** Has the snapshot. */
  readonly reader: Connection;
  readonly writer: Connection;
}

async function oneRange(
  { ports, table }: RangedJob,
  copy: RangedCopy,
  range: PageRange,
  { reader, writer, options }: RangeSessions & { readonly options: CopyRangeOptions },
): Promise<void> {
  ports.signal.throwIfAborted();
  let rows = 0;
  let bytes = 0;
  const count = (moreRows: number, moreBytes: number) => {
    rows += moreRows;
    bytes += moreBytes;
    options.count(moreRows, moreBytes);
  };
  await writer.transaction(async (tx) => {
    const triggersAct = await beginReplication(tx);
    await copyRange(reader, tx, range, { ...options, count });
    if (triggersAct) await assertNothingActs(tx, ports.options.queueName, [table]);
    await assertStillInCopy(tx, ports.options.queueName, table.tableName);
    await noteRange(tx, copy, { number: range.number, rows, bytes });
    await failpoint('copy-range-written');
  });
  await failpoint('copy-range-committed');
}

/** How far all ranges together are. */
class RangeProgress {
  readonly #report: (progress: CopyProgress) => void;
  readonly #snapshot: RangedSnapshot;
  #rows: number;
  #bytes: number;

  constructor(report: (progress: CopyProgress) => void, snapshot: RangedSnapshot, finished: FinishedRanges) {
    this.#report = report;
    this.#snapshot = snapshot;
    this.#rows = finished.rows;
    this.#bytes = finished.bytes;
  }

  add(rows: number, bytes: number): void {
    this.#rows += rows;
    this.#bytes += bytes;
    this.show('data');
  }

  show(phase: CopyProgress['phase']): void {
    const { rowsExpected, bytesExpected } = this.#snapshot;
    this.#report({ phase, rowsDone: this.#rows, bytesDone: this.#bytes, rowsExpected, bytesExpected });
  }
}
