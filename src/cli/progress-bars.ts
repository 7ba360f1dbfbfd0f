import { MultiBar, type SingleBar } from 'cli-progress';
import type { SyncProgress, TableProgress } from '../replica/sync-progress.js';
import { copyOutlook, copyStage, isBeingCopied, megabytes, percentDone } from './copy-stage.js';
import type { Output } from './output.js';
import { outputStream } from './output-stream.js';
import type { ProgressDisplay } from './progress-display.js';

const TABLE_FORMAT = '{table} {bar} {percentage}%  {stage}  {rows} rows  {amount} MB  {rate} MB/s  {outlook}';
const TOTAL_FORMAT = '{table} {bar} {value}/{total} tables';
const TOTAL_NAME = 'in sync';
const WIDEST_STAGE = 'catching-up'.length;

interface Shown {
  readonly bar: SingleBar;
  readonly firstMs: number;
  readonly firstBytes: number;
  lastBytes: number;
  rate: number;
}

/** A live bar for each table that is being copied, and one for all tables: few lines however many tables there are. */
export class ProgressBars implements ProgressDisplay {
  readonly #bars: MultiBar;
  readonly #nowMs: () => number;
  readonly #byTable = new Map<string, Shown>();
  #total: SingleBar | undefined;
  #error: string | null = null;

  constructor(output: Output, nowMs: () => number) {
    this.#nowMs = nowMs;
    this.#bars = new MultiBar({
      format: TABLE_FORMAT,
      hideCursor: true,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      stream: outputStream(output),
    });
  }

  show({ tables, workerError }: SyncProgress): void {
    // Such a line goes above the bars.
    if (workerError !== this.#error && workerError !== null) this.#bars.log(`worker: ${workerError}\n`);
    this.#error = workerError;
    const width = Math.max(TOTAL_NAME.length, ...tables.map(({ name }) => name.length));
    const done = tables.filter(({ state }) => state.kind === 'ok').length;
    const payload = { table: TOTAL_NAME.padEnd(width) };
    this.#total ??= this.#bars.create(tables.length, done, payload, { format: TOTAL_FORMAT });
    this.#total.setTotal(tables.length);
    this.#total.update(done, payload);
    for (const table of tables) {
      if (isBeingCopied(table)) this.#showBar(table, width);
      else this.#removeBar(table.name);
    }
  }

  close(): void {
    this.#bars.stop();
  }

  #showBar(table: TableProgress, width: number): void {
    const bytes = Number(table.copy?.bytesDone ?? 0n);
    const nowMs = this.#nowMs();
    const shown = this.#byTable.get(table.name) ?? {
      bar: this.#bars.create(100, 0, { table: '', stage: '', rows: '', amount: '', rate: '', outlook: '' }),
      firstMs: nowMs,
      firstBytes: bytes,
      lastBytes: bytes,
      rate: 0,
    };
    this.#byTable.set(table.name, shown);
    // The mean of the time in which rows came; it stays as it was while indexes are built.
    if (bytes > shown.lastBytes && nowMs > shown.firstMs) {
      shown.rate = ((bytes - shown.firstBytes) / (nowMs - shown.firstMs)) * 1000;
      shown.lastBytes = bytes;
    }
    shown.bar.update(percentDone(table), {
      table: table.name.padEnd(width),
      stage: copyStage(table).padEnd(WIDEST_STAGE),
      rows: (table.copy?.rowsDone ?? 0n).toLocaleString('en'),
      amount: megabytes(bytes),
      rate: megabytes(shown.rate),
      outlook: copyOutlook(table),
    });
  }

  #removeBar(name: string): void {
    const shown = this.#byTable.get(name);
    if (shown === undefined) return;
    this.#bars.remove(shown.bar);
    this.#byTable.delete(name);
  }
}
