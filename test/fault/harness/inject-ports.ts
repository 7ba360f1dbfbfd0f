import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultTree } from './fault-tree.js';
import type { NodeName } from './schedule.js';

/** What a fault needs of the run that it happens in. */
export interface InjectPorts {
  readonly tree: FaultTree;
  /** Told of what went wrong with the fault itself, and of what a command said. */
  readonly note: (text: string) => void;
  /** Told of what must not be. */
  readonly violate: (text: string) => void;
  /** Makes restarts of one server wait for each other. */
  readonly oneAtATime: (node: NodeName, work: () => Promise<void>) => Promise<void>;
  /** Told before the roles of nodes change. */
  readonly rolesChange: () => void;
  /** Aborted when all faults are to end. */
  readonly signal: AbortSignal;
}

const TRY_PAUSE_MS = 200;
const TRY_LIMIT_MS = 60_000;

/** Waits so long, or until the run ends. */
export async function last({ signal }: InjectPorts, ms: number): Promise<void> {
  // The end of the run ends the wait early, which is no error.
  await sleep(ms, undefined, { signal }).catch(() => undefined);
}

/** Does what is to be done, or undone, again and again until it succeeds: other faults are in its way. Goes on when the run ends. */
export async function untilItWorks(what: string, work: () => Promise<void>): Promise<void> {
  const deadline = performance.now() + TRY_LIMIT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (performance.now() > deadline) throw new Error(`${what} does not work`, { cause: error });
    }
    await sleep(TRY_PAUSE_MS);
  }
}
