import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../db/connection.js';
import type { TickId } from '../queue/ids.js';
import type { Logger } from '../runtime/log.js';

/** First part of the advisory lock that a compare holds while it needs its snapshot; see snapshot_request.sql. */
const REQUEST_LOCK_CLASS = 1885827446;
const LOCK_POLL_MS = 200;
/** A worker that hangs loses its snapshots after this time, so that they do not hold back vacuum. */
const HOLDER_IDLE_LIMIT_MS = 60_000;
/** How long the worker stands still for those of other queues that feed the same tables. */
const LONGEST_HOLD = '15 seconds';
const DEFAULT_MAX_AGE_MS = 3_600_000;
const DEFAULT_MAX_SNAPSHOTS = 4;

export interface ServeSnapshotsOptions {
  readonly queueName: string;
  /** The worker's own session on its node. `serve` uses it, so call that between two transactions only. */
  readonly subscriber: Connection;
  /** Opens one more session on the same database: each snapshot needs one as long as it lives. */
  readonly openHolder: () => Promise<Connection>;
  readonly log: Logger;
  /** A snapshot is released after this time even when the compare still runs. */
  readonly maxAgeMs?: number;
  readonly maxSnapshots?: number;
}

/**
 * Hands out snapshots of this node at the tick boundary the worker stands at, and keeps them open while it goes on.
 *
 * A snapshot lives until the compare that asked for it ends or dies, the age limit is reached, or the worker ends.
 * Nothing here can stop the worker: a request that cannot be served fails, and the compare is told.
 */
export class SnapshotServer implements AsyncDisposable {
  readonly #options: ServeSnapshotsOptions;
  readonly #closing = new AbortController();
  readonly #holding = new Set<Promise<void>>();
  readonly #idle: Connection[] = [];
  #forgotten = false;

  constructor(options: ServeSnapshotsOptions) {
    this.#options = options;
  }

  /** How many snapshots are held at the moment. */
  get heldCount(): number {
    return this.#holding.size;
  }

  /**
   * Serves the requests for `completedTick`; when there are none this is one small query.
   *
   * Call it with the node's completed tick after each commit and before the next batch begins, and also before the first batch and
   * while there is nothing to do: a request may name the tick the worker already stands at. May be repeated.
   *
   * Returns false when the worker must begin no batch now: a compare of a table that several queues feed needs the
   * workers of all of them to stand still at a tick for a moment, a repair while it writes. Call it again soon.
   */
  async serve(completedTick: TickId): Promise<boolean> {
    const { subscriber, queueName } = this.#options;
    if (!this.#forgotten) {
      await subscriber.query('select pgcascade.forget_snapshots($1)', [queueName]);
      this.#forgotten = true;
    }
    const requests = await subscriber.query<{ id: bigint; key: number }>(
      'select r.request_id as id, r.lock_key as key from pgcascade.claim_snapshots($1, $2) as r',
      [queueName, completedTick],
    );
    let mayGoOn = true;
    for (const request of requests) {
      let way = await this.#reach(request.id);
      if (way === 'open') {
        await this.#answer(request.id, request.key, completedTick);
        // Who has the snapshot may want the worker to stay where it is.
        way = await this.#reach(request.id);
      }
      if (way === 'hold') mayGoOn = false;
    }
    return mayGoOn;
  }

  async #reach(requestId: bigint): Promise<'open' | 'hold' | 'gone'> {
    const { way } = await this.#options.subscriber.one<{ way: 'open' | 'hold' | 'gone' }>(
      'select pgcascade.reach_snapshot($1, $2) as way',
      [requestId, LONGEST_HOLD],
    );
    return way;
  }

  /** Whether a compare waits for a tick that the worker has still to come to, and must not pass over. */
  async isAwaited(): Promise<boolean> {
    const { subscriber, queueName } = this.#options;
    const { awaited } = await subscriber.one<{ awaited: boolean }>(
      'select pgcascade.awaits_snapshot($1) as awaited',
      [queueName],
    );
    return awaited;
  }

  /** Releases all snapshots. Compares that have imported theirs go on. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all(this.#holding);
    await Promise.all(this.#idle.splice(0).map((holder) => holder.close()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #answer(requestId: bigint, lockKey: number, tick: TickId): Promise<void> {
    const { subscriber, log, maxSnapshots = DEFAULT_MAX_SNAPSHOTS } = this.#options;
    if (this.#holding.size >= maxSnapshots) {
      await fail(subscriber, requestId, `${maxSnapshots} compares hold a snapshot already.`);
      return;
    }
    let holder: Connection | undefined;
    try {
      holder = await this.#takeHolder();
      const snapshot = await openSnapshot(holder);
      const { provided } = await subscriber.one<{ provided: boolean }>(
        'select pgcascade.provide_snapshot($1, $2) as provided',
        [requestId, snapshot],
      );
      log.debug({ tick, request: requestId, provided }, 'Snapshot handed out');
    } catch (error) {
      await holder?.close();
      // A compare must not stop replication. When it is the worker's own connection that is lost, this throws.
      log.warn({ err: error, tick, request: requestId }, 'No snapshot could be handed out');
      await fail(subscriber, requestId, 'The worker could not open a snapshot; its log says why.');
      return;
    }
    const holding = this.#hold(holder, requestId, lockKey).finally(() => this.#holding.delete(holding));
    this.#holding.add(holding);
  }

  async #takeHolder(): Promise<Connection> {
    const ready = this.#idle.pop();
    return ready?.isOpen ? ready : this.#options.openHolder();
  }

  /** Keeps the holder's transaction open until nobody needs it. Never throws: the worker goes on meanwhile. */
  async #hold(holder: Connection, requestId: bigint, lockKey: number): Promise<void> {
    const { log, maxAgeMs = DEFAULT_MAX_AGE_MS } = this.#options;
    const releaseAt = performance.now() + maxAgeMs;
    try {
      while (!(await isLockFree(holder, lockKey))) {
        if (performance.now() >= releaseAt) {
          log.warn({ request: requestId, maxAgeMs }, 'Snapshot released because of its age');
          break;
        }
        await sleep(LOCK_POLL_MS, undefined, { signal: this.#closing.signal });
      }
      await holder.execute('rollback');
      await holder.query('select pgcascade.end_snapshot_request($1)', [requestId]);
      if (this.#idle.length === 0 && !this.#closing.signal.aborted) this.#idle.push(holder);
      else await holder.close();
    } catch (error) {
      // With the connection the snapshot is gone; a compare that has imported it goes on.
      if (!this.#closing.signal.aborted) log.warn({ err: error, request: requestId }, 'Snapshot lost');
      await holder.close();
    }
  }
}

async function openSnapshot(holder: Connection): Promise<string> {
  await holder.execute('begin isolation level repeatable read read only');
  await holder.execute(`set local idle_in_transaction_session_timeout = ${HOLDER_IDLE_LIMIT_MS}`);
  return (await holder.one<{ name: string }>('select pg_export_snapshot() as name')).name;
}

/**
 * Looks instead of waiting for the lock: a session that waits in the server does not notice that its worker died,
 * and would keep the snapshot.
 */
async function isLockFree(holder: Connection, lockKey: number): Promise<boolean> {
  const { free } = await holder.one<{ free: boolean }>(
    'select pg_try_advisory_xact_lock_shared($1, $2) as free',
    [REQUEST_LOCK_CLASS, lockKey],
  );
  return free;
}

async function fail(subscriber: Connection, requestId: bigint, reason: string): Promise<void> {
  await subscriber.query('select pgcascade.fail_snapshot($1, $2)', [requestId, reason]);
}
