import type { Connection } from '../db/connection.js';
import type { Logger } from '../runtime/log.js';
import { sleep } from '../runtime/sleep.js';

export interface BrakeLimits {
  /** How much further behind than at the beginning a standby or subscriber of the provider's may be; 0: as far as it likes. */
  readonly lagMs: number;
  /** How long the provider may take for a small statement; 0: as long as it likes. */
  readonly latencyMs: number;
}

const LOOK_MS = 1_000;
/** What one copy still reads in a second: a snapshot that is held for ever would be worse. */
const TRICKLE_BYTES = 262_144;

/** The longest lag of whatever replicates from this server, where the role may see it: members of pg_monitor may. */
const LAG = `select coalesce(extract(epoch from max(replay_lag)) * 1000, 0)::float8 as lag_ms from pg_stat_replication`;

/**
 * Slows the copies of a worker down to a trickle while their provider has too much to do: what hangs on it is too far behind, or a
 * small statement takes too long. It looks once a second, in a session of its own, while there are copies.
 */
export class CopyBrake {
  readonly #limits: BrakeLimits;
  readonly #log: Logger;
  #users = 0;
  #looking: { readonly stop: AbortController; readonly ended: Promise<void> } | undefined;
  #reason: string | undefined;

  constructor(limits: BrakeLimits, log: Logger) {
    this.#limits = limits;
    this.#log = log;
  }

  /** Why copies are slow now. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** Waits as long as so much may take now. Throws when it is told to stop. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    if (this.#reason === undefined) return;
    await sleep((bytes / TRICKLE_BYTES) * 1000, signal);
    signal.throwIfAborted();
  }

  /** Looks while `body` runs; several share one session, which the first of them opens. A look that fails changes nothing. */
  async during<T>(open: () => Promise<Connection>, body: () => Promise<T>): Promise<T> {
    const { lagMs, latencyMs } = this.#limits;
    if (lagMs === 0 && latencyMs === 0) return body();
    if (this.#users++ === 0) {
      const stop = new AbortController();
      this.#looking = { stop, ended: this.#lookUntil(open, stop.signal) };
    }
    try {
      return await body();
    } finally {
      if (--this.#users === 0) {
        this.#looking?.stop.abort();
        await this.#looking?.ended;
      }
    }
  }

  async #lookUntil(open: () => Promise<Connection>, signal: AbortSignal): Promise<void> {
    try {
      await using session = await open();
      // A standby may be behind because it is told to.
      const { lag_ms: lagBefore } = await session.one<{ lag_ms: number }>(LAG);
      while (!signal.aborted) {
        this.#set(await this.#look(session, lagBefore));
        await sleep(LOOK_MS, signal);
      }
    } catch (error) {
      this.#log.debug({ err: error }, 'How busy the provider is cannot be seen');
    } finally {
      this.#reason = undefined;
    }
  }

  async #look(session: Connection, lagBefore: number): Promise<string | undefined> {
    const { lagMs, latencyMs } = this.#limits;
    const begun = performance.now();
    const { lag_ms: lag } = await session.one<{ lag_ms: number }>(LAG);
    const latency = performance.now() - begun;
    if (lagMs > 0 && lag > lagBefore + lagMs)
      return `what replicates from the provider is ${Math.round(lag)} ms behind`;
    if (latencyMs > 0 && latency > latencyMs)
      return `the provider took ${Math.round(latency)} ms for a small statement`;
    return undefined;
  }

  #set(reason: string | undefined): void {
    const before = this.#reason;
    this.#reason = reason;
    if ((before === undefined) === (reason === undefined)) return;
    if (reason === undefined) this.#log.info('Copies go on at full speed');
    else this.#log.warn({ reason }, 'Copies are slowed down');
  }
}
