import { duration } from '../observe/status-tree.js';
import { fractionDone, secondsLeft, type TableProgress } from '../replica/sync-progress.js';
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
  const fraction = fractionDone(copy);
  return fraction === undefined ? 0 : Math.floor(fraction * DATA_PERCENT);
}

/** Who is waited for, or how long the rows will still take; nothing when neither is known. */
export function copyOutlook({ copy, blocker }: TableProgress): string {
  if (blocker !== undefined) return `waits for ${blocker}`;
  const left = copy && secondsLeft(copy);
  return left === undefined ? '' : `${duration(left)} left`;
}

/** `12.3` for 12,345,678 bytes. */
export function megabytes(bytes: number): string {
  return (bytes / MEGABYTE).toFixed(1);
}
