import type { SyncProgress, TableProgress } from '../replica/sync-progress.js';
import { copyOutlook, copyStage, megabytes } from './copy-stage.js';
import type { Output } from './output.js';
import type { ProgressDisplay } from './progress-display.js';

const INTERVAL_MS = 1_000;

interface Shown {
  readonly atMs: number;
  readonly line: string;
  readonly stage: string;
  readonly bytes: number;
}

/**
 * `table  stage  rows/expected  MB  MB/s  time left, or who is waited for`: a line for a table when there is something new, at once for a new stage,
 * else at most one a second. A table that is in sync from the start gets none.
 */
export class ProgressLines implements ProgressDisplay {
  readonly #output: Output;
  readonly #nowMs: () => number;
  readonly #shown = new Map<string, Shown>();
  #error: string | null = null;

  constructor(output: Output, nowMs: () => number) {
    this.#output = output;
    this.#nowMs = nowMs;
  }

  show({ tables, workerError }: SyncProgress): void {
    if (workerError !== this.#error && workerError !== null) this.#output.print(`worker: ${workerError}`);
    this.#error = workerError;
    for (const table of tables) this.#showTable(table);
  }

  close(): void {}

  #showTable(table: TableProgress): void {
    const last = this.#shown.get(table.name);
    if (last === undefined && table.state.kind === 'ok') return;
    const nowMs = this.#nowMs();
    const stage = copyStage(table);
    const line = progressLine(table, stage);
    const passedMs = last === undefined ? 0 : nowMs - last.atMs;
    if (last?.line === line || (last?.stage === stage && passedMs < INTERVAL_MS)) return;
    const bytes = Number(table.copy?.bytesDone ?? 0n);
    const rate = last?.stage === 'data' && stage === 'data' ? ((bytes - last.bytes) / passedMs) * 1000 : 0;
    const parts = [line, rate > 0 ? `${megabytes(rate)} MB/s` : '', copyOutlook(table)];
    this.#output.print(parts.filter((part) => part !== '').join('  '));
    this.#shown.set(table.name, { atMs: nowMs, line, stage, bytes });
  }
}

function progressLine({ name, state, copy }: TableProgress, stage: string): string {
  if (copy === undefined || state.kind === 'parked' || stage === 'waiting') return `${name}  ${stage}`;
  const expected = copy.rowsExpected > 0n && stage === 'data' ? `/${copy.rowsExpected}` : '';
  return `${name}  ${stage}  ${copy.rowsDone}${expected} rows  ${megabytes(Number(copy.bytesDone))} MB`;
}
