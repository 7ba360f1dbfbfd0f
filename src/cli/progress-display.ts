import { Writable } from 'node:stream';
import { MultiBar, type SingleBar } from 'cli-progress';
import type { TableProgress } from '../replica/sync-progress.js';
import { describeTableState } from '../replica/table-state.js';
import type { Output } from './output.js';

/** Shows how far the copies are; `show` may be called as often as one likes. */
export interface ProgressDisplay {
  show(tables: readonly TableProgress[]): void;
  close(): void;
}

export function createProgressDisplay(output: Output): ProgressDisplay {
  return output.isTerminal ? new BarDisplay(output) : new LineDisplay(output, () => performance.now());
}

const MEGABYTE = 1_000_000;
const LINE_INTERVAL_MS = 1_000;

/** One line for a table when it says something new: at once for a new phase, else at most one a second. */
export class LineDisplay implements ProgressDisplay {
  readonly #output: Output;
  readonly #nowMs: () => number;
  readonly #shown = new Map<string, { atMs: number; line: string; phase: string; bytes: number }>();

  constructor(output: Output, nowMs: () => number) {
    this.#output = output;
    this.#nowMs = nowMs;
  }

  show(tables: readonly TableProgress[]): void {
    const nowMs = this.#nowMs();
    for (const table of tables) {
      const phase = phaseOf(table);
      const line = progressLine(table, phase);
      const last = this.#shown.get(table.name);
      const passedMs = last === undefined ? 0 : nowMs - last.atMs;
      if (last?.line === line || (last?.phase === phase && passedMs < LINE_INTERVAL_MS)) continue;
      const bytes = Number(table.copy?.bytesDone ?? 0n);
      const rate = last !== undefined && phase === 'data' ? ((bytes - last.bytes) / passedMs) * 1000 : 0;
      this.#output.print(rate > 0 ? `${line}  ${megabytes(rate)} MB/s` : line);
      this.#shown.set(table.name, { atMs: nowMs, line, phase, bytes });
    }
  }

  close(): void {}
}

const BAR = '{table} {bar} {percentage}%  {phase}  {rows} rows  {amount} MB  {rate} MB/s';
const TOTAL = '{table} {bar} {value}/{total} tables';

/** A live bar for each table that is being copied, and one for all tables: few lines however many tables there are. */
class BarDisplay implements ProgressDisplay {
  readonly #bars: MultiBar;
  readonly #byTable = new Map<string, { bar: SingleBar; startedAtMs: number }>();
  #total: SingleBar | undefined;

  constructor(output: Output) {
    this.#bars = new MultiBar({
      format: BAR,
      hideCursor: true,
      barsize: 24,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      stream: asStream(output),
    });
  }

  show(tables: readonly TableProgress[]): void {
    const width = Math.max('in sync'.length, ...tables.map(({ name }) => name.length));
    const done = tables.filter(({ state }) => state.kind === 'ok').length;
    this.#total ??= this.#bars.create(
      tables.length,
      done,
      { table: 'in sync'.padEnd(width) },
      { format: TOTAL },
    );
    this.#total.setTotal(tables.length);
    this.#total.update(done, { table: 'in sync'.padEnd(width) });
    for (const table of tables) {
      if (table.state.kind === 'copying') this.#showBar(table, width);
      else this.#removeBar(table.name);
    }
  }

  close(): void {
    this.#bars.stop();
  }

  #showBar(table: TableProgress, width: number): void {
    const shown = this.#byTable.get(table.name) ?? {
      bar: this.#bars.create(100, 0, { table: '', phase: '', rows: '', amount: '', rate: '' }),
      startedAtMs: performance.now(),
    };
    this.#byTable.set(table.name, shown);
    const seconds = Math.max(0.2, (performance.now() - shown.startedAtMs) / 1000);
    const bytes = Number(table.copy?.bytesDone ?? 0n);
    shown.bar.update(percentDone(table), {
      table: table.name.padEnd(width),
      phase: phaseOf(table).padEnd('catching-up'.length),
      rows: (table.copy?.rowsDone ?? 0n).toLocaleString('en'),
      amount: megabytes(bytes),
      rate: megabytes(bytes / seconds),
    });
  }

  #removeBar(name: string): void {
    const shown = this.#byTable.get(name);
    if (shown === undefined) return;
    this.#bars.remove(shown.bar);
    this.#byTable.delete(name);
  }
}

/** What a person calls the stage that the table is in. */
export function phaseOf({ state, copy }: TableProgress): string {
  if (state.kind === 'copying' && copy !== undefined && copy.phase !== 'done') return copy.phase;
  return state.kind === 'copying' ? state.mergeState.replace(/:.*/, '') : describeTableState(state);
}

/** Data counts for 90 of 100; indexes and catching up have no measure. */
export function percentDone({ state, copy }: TableProgress): number {
  if (state.kind === 'ok') return 100;
  if (state.kind !== 'copying' || copy === undefined) return 0;
  if (copy.phase === 'waiting') return 0;
  if (copy.phase !== 'data') return 95;
  const [done, expected] =
    copy.rowsExpected > 0n ? [copy.rowsDone, copy.rowsExpected] : [copy.bytesDone, copy.bytesExpected];
  return expected === 0n ? 0 : Math.min(90, Math.floor((Number(done) / Number(expected)) * 90));
}

function progressLine(table: TableProgress, phase: string): string {
  const { copy } = table;
  if (copy === undefined) return `${table.name}  ${phase}`;
  const expected = copy.rowsExpected === 0n ? '?' : `${copy.rowsExpected}`;
  return `${table.name}  ${phase}  ${copy.rowsDone}/${expected} rows  ${megabytes(Number(copy.bytesDone))} MB`;
}

function megabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(1);
}

/** The bars want a stream; theirs ends in the program's output like everything else. */
function asStream(output: Output): NodeJS.WritableStream {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      output.raw(chunk.toString());
      done();
    },
  });
  return Object.assign(stream, { isTTY: true, columns: output.columns });
}
