import { poll } from '../cascade/poll.js';
import type { SyncProgress, TableProgress } from './sync-progress.js';

const POLL_MS = 150;

export interface WaitSyncOptions {
  readonly read: () => Promise<SyncProgress>;
  /** Called after each look. */
  readonly onProgress: (progress: SyncProgress) => void;
  /** Without it there is no end but the silence of the worker. */
  readonly timeoutMs?: number | undefined;
  /** How long the worker may do nothing and not be seen. */
  readonly silenceMs: number;
  readonly signal?: AbortSignal | undefined;
}

export type WaitSyncOutcome =
  | { readonly kind: 'in-sync'; readonly tableCount: number }
  /** No table is replicated here: there is nothing that could be in sync. */
  | { readonly kind: 'no-tables' }
  /** At least one table will not get in sync by waiting. */
  | { readonly kind: 'parked'; readonly tables: readonly TableProgress[] }
  | { readonly kind: 'no-worker'; readonly waiting: readonly TableProgress[] }
  | {
      readonly kind: 'timeout';
      readonly waiting: readonly TableProgress[];
      readonly isWorkerSeen: boolean;
    };

/** Waits until all tables of a node are in sync, or until waiting is of no use. Changes nothing. */
export async function waitSync(options: WaitSyncOptions): Promise<WaitSyncOutcome> {
  let last: SyncProgress | undefined;
  let lastLife = performance.now();
  const outcome = await poll<WaitSyncOutcome>(
    async () => {
      const progress = await options.read();
      if (progress.isWorkerSeen || progress.fingerprint !== last?.fingerprint) lastLife = performance.now();
      last = progress;
      options.onProgress(progress);
      return decide(progress, performance.now() - lastLife > options.silenceMs);
    },
    { intervalMs: POLL_MS, timeoutMs: options.timeoutMs, signal: options.signal },
  );
  return outcome ?? { kind: 'timeout', waiting: notInSync(last), isWorkerSeen: last?.isWorkerSeen === true };
}

/** What one look means; undefined when there is reason to go on waiting. */
export function decide(progress: SyncProgress, isSilent: boolean): WaitSyncOutcome | undefined {
  if (progress.tables.length === 0) return { kind: 'no-tables' };
  const parked = progress.tables.filter(({ state }) => state.kind === 'parked');
  if (parked.length > 0) return { kind: 'parked', tables: parked };
  const waiting = notInSync(progress);
  if (waiting.length === 0) return { kind: 'in-sync', tableCount: progress.tables.length };
  return isSilent ? { kind: 'no-worker', waiting } : undefined;
}

function notInSync(progress: SyncProgress | undefined): TableProgress[] {
  return progress?.tables.filter(({ state }) => state.kind !== 'ok') ?? [];
}
