import type { SyncProgress, TableProgress } from '../replica/sync-progress.js';
import { copyOutlook, copyStage, megabytes } from './copy-stage.js';
import type { Output } from './output.js';
import type { ProgressDisplay } from './progress-display.js';

const INTERVAL_MS = 1_000;
/** More tables than this that come to the same stage at one look share a line, which names some of them. */
const ALONE = 5;
const NAMED = 3;

interface Shown {
  readonly atMs: number;
  readonly line: string;
  readonly stage: string;
  readonly bytes: number;
}

/** What there is to say of a table. */
interface News {
  readonly name: string;
  readonly stage: string;
  readonly line: string;
  /** Each has a reason of its own then. */
  readonly isParked: boolean;
}

/**
 * `table  stage  rows/expected  MB  MB/s  time left, or who is waited for`: a line for a table when there is something new, at once for a new stage,
 * else at most one a second. A table that is in sync from the start gets none; many that come to a stage together share one.
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
    const news = tables.flatMap((table) => this.#newsOf(table) ?? []);
    const byStage = new Map<string, News[]>();
    for (const each of news) byStage.set(each.stage, [...(byStage.get(each.stage) ?? []), each]);
    for (const many of byStage.values()) this.#print(many);
  }

  /** Tables that have come to one stage. */
  #print(many: readonly News[]): void {
    if (many.length <= ALONE || many.some(({ isParked }) => isParked)) {
      for (const { line } of many) this.#output.print(line);
      return;
    }
    const named = many.slice(0, NAMED).map(({ name }) => name);
    this.#output.print(`${named.join(', ')} and ${many.length - NAMED} more  ${many[0]?.stage}`);
  }

  close(): void {}

  #newsOf(table: TableProgress): News | undefined {
    const last = this.#shown.get(table.name);
    if (last === undefined && table.state.kind === 'ok') return undefined;
    const nowMs = this.#nowMs();
    const stage = copyStage(table);
    const line = progressLine(table, stage);
    const passedMs = last === undefined ? 0 : nowMs - last.atMs;
    if (last?.line === line || (last?.stage === stage && passedMs < INTERVAL_MS)) return undefined;
    const bytes = Number(table.copy?.bytesDone ?? 0n);
    const rate = last?.stage === 'data' && stage === 'data' ? ((bytes - last.bytes) / passedMs) * 1000 : 0;
    const parts = [line, rate > 0 ? `${megabytes(rate)} MB/s` : '', copyOutlook(table)];
    this.#shown.set(table.name, { atMs: nowMs, line, stage, bytes });
    const isParked = table.state.kind === 'parked';
    return { name: table.name, stage, isParked, line: parts.filter((part) => part !== '').join('  ') };
  }
}

function progressLine({ name, state, copy }: TableProgress, stage: string): string {
  if (copy === undefined || state.kind === 'parked' || stage === 'waiting') return `${name}  ${stage}`;
  const expected = copy.rowsExpected > 0n && stage === 'data' ? `/${copy.rowsExpected}` : '';
  return `${name}  ${stage}  ${copy.rowsDone}${expected} rows  ${megabytes(Number(copy.bytesDone))} MB`;
}
