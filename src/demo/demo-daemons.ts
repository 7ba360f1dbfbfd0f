import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isProcessThere } from '../runtime/process-table.js';
import { guardOrphan, type OrphanGuard } from './orphan-guard.js';

const POLL_MS = 50;

/** The programs that the demo started with -d, known by their pidfiles. They end with this process, however that dies. */
export class DemoDaemons {
  readonly #folder: string;
  readonly #guards = new Map<number, OrphanGuard>();

  /** `folder` is where the pidfiles are. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Takes note of a daemon that was just started. Returns its process id; throws when it does not run. */
  add(pidfile: string): number {
    const processId = Number.parseInt(readFileSync(join(this.#folder, pidfile), 'utf8'), 10);
    if (!isProcessThere(processId)) throw new Error(`The program of ${pidfile} does not run.`);
    if (!this.#guards.has(processId)) this.#guards.set(processId, guardOrphan(processId, ''));
    return processId;
  }

  /** Waits until a daemon that was told to stop is gone. Returns false when it is still there after the deadline. */
  async hasEnded(processId: number, deadlineMs: number): Promise<boolean> {
    const deadline = performance.now() + deadlineMs;
    while (isProcessThere(processId)) {
      if (performance.now() > deadline) return false;
      await sleep(POLL_MS);
    }
    this.#release(processId);
    return true;
  }

  /** Ends all that still run, also one that a stopped command left behind before `add`. Safe to repeat. */
  killAll(pidfiles: readonly string[]): void {
    for (const pidfile of pidfiles) {
      try {
        this.add(pidfile);
      } catch {
        // No such file, or its program has ended: nothing to kill.
      }
    }
    for (const processId of [...this.#guards.keys()]) {
      if (isProcessThere(processId)) process.kill(processId, 'SIGKILL');
      this.#release(processId);
    }
  }

  /** The last lines of a log, for a demo that failed. */
  lastLines(logfile: string, count: number): readonly string[] {
    const path = join(this.#folder, logfile);
    if (!existsSync(path)) return [];
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-count);
  }

  #release(processId: number): void {
    this.#guards.get(processId)?.release();
    this.#guards.delete(processId);
  }
}
