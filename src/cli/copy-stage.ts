import type { TableProgress } from '../replica/sync-progress.js';
import { describeTableState } from '../replica/table-state.js';

/** How far the bar of a table is when all rows are there: indexes and catching up have no measure. */
const DATA_PERCENT = 90;
const AFTER_DATA_PERCENT = 95;
const MEGABYTE = 1_000_000;

/**
 * What a person calls the stage that a table is in. The state says `waiting` until the copied rows are committed, so
 * the progress of the copy tells more.
 */
export function copyStage({ state, copy }: TableProgress): string {
  if (state.kind === 'ok' || state.kind === 'parked') return describeTableState(state);
  if (copy !== undefined && copy.phase !== 'done' && copy.phase !== 'failed') return copy.phase;
  return state.kind === 'copying' ? state.mergeState.replace(/:.*/, '') : describeTableState(state);
}

/** True while the worker does something for the table. */
export function isBeingCopied(table: TableProgress): boolean {
  return table.state.kind === 'copying' || (table.state.kind === 'waiting' && table.copy !== undefined);
}

export function percentDone(table: TableProgress): number {
  const { state, copy } = table;
  if (state.kind === 'ok') return 100;
  const stage = copyStage(table);
  if (copy === undefined || stage === 'waiting') return 0;
  if (stage !== 'data') return AFTER_DATA_PERCENT;
  // Without statistics on the provider the size of the table is all that there is.
  const [done, expected] =
    copy.rowsExpected > 0n ? [copy.rowsDone, copy.rowsExpected] : [copy.bytesDone, copy.bytesExpected];
  if (expected === 0n) return 0;
  return Math.min(DATA_PERCENT, Math.floor((Number(done) / Number(expected)) * DATA_PERCENT));
}

/** `12.3` for 12,345,678 bytes. */
export function megabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(1);
}
