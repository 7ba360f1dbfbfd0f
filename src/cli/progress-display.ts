import type { SyncProgress } from '../replica/sync-progress.js';

/** Shows how far the copies are; `show` may be called as often as one likes. */
export interface ProgressDisplay {
  show(progress: SyncProgress): void;
  close(): void;
}
