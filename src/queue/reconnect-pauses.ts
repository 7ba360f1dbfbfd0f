import { isConnectionLoss } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { backoffMs } from '../runtime/backoff.js';
import { sleep } from '../runtime/sleep.js';

export interface ReconnectOptions {
  readonly reconnectFirstMs: number;
  readonly reconnectLimitMs: number;
  /** Told before each pause. */
  readonly onReconnect: (error: Error, pauseMs: number) => void;
}

/** True when the same call may succeed later without anybody's help. */
export function isTransient(error: unknown): error is Error {
  if (error instanceof ReplicateError) return error.entry.policy === 'retry';
  return isConnectionLoss(error);
}

/** The growing pauses between tries to get a connection back. */
export class ReconnectPauses {
  readonly #options: ReconnectOptions;
  readonly #signal: AbortSignal;
  #failures = 0;

  constructor(options: ReconnectOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** The connections work: the next pause is a short one again. */
  reset(): void {
    this.#failures = 0;
  }

  /** Waits before the next try after a failure, or until the signal is aborted. */
  async wait(error: Error): Promise<void> {
    const { reconnectFirstMs: firstMs, reconnectLimitMs: limitMs, onReconnect } = this.#options;
    this.#failures++;
    const pauseMs = backoffMs(this.#failures, { firstMs, limitMs });
    onReconnect(error, pauseMs);
    await sleep(pauseMs, this.#signal);
  }
}
