import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TickId } from '../queue/ids.js';
import { sleep } from '../runtime/sleep.js';

const CHANNEL = 'pgcascade_snapshot';
/** A notification ends the wait earlier; a pooler may lose it. */
const POLL_MS = 200;

export interface WaitForSnapshot {
  readonly queueName: string;
  readonly tick: TickId;
  /** For messages. */
  readonly timeoutMs: number;
  /** When the wait ends, as performance.now() tells the time. */
  readonly deadline: number;
  readonly signal?: AbortSignal | undefined;
}

/** What the worker answered. */
export type SnapshotAnswer =
  | { readonly kind: 'ready'; readonly snapshot: string }
  | { readonly kind: 'failed'; readonly reason: string };

/**
 * A request for a snapshot of this node at a tick. The worker keeps the snapshot until `end` or until the request's
 * session is closed or dies.
 */
export class SnapshotRequest {
  readonly #session: Connection;
  readonly #id: bigint;
  #wake: () => void = () => undefined;

  private constructor(session: Connection, id: bigint) {
    this.#session = session;
    this.#id = id;
  }

  static async begin(session: Connection): Promise<SnapshotRequest> {
    const { id } = await session.one<{ id: bigint }>('select pgcascade.begin_snapshot_request() as id');
    const request = new SnapshotRequest(session, id);
    await session.listen(CHANNEL, () => request.#wake());
    return request;
  }

  /**
   * Asks for the snapshot; to be done before the worker can see the tick. With a group (the first of its requests, and
   * their number) the workers of several queues are asked for one snapshot.
   */
  async commit(
    queueName: string,
    tick: TickId,
    group?: { readonly first: SnapshotRequest; readonly size: number },
  ): Promise<void> {
    if (group === undefined) {
      await this.#session.query('select pgcascade.request_snapshot($1, $2, $3)', [this.#id, queueName, tick]);
      return;
    }
    await this.#session.query('select pgcascade.request_group_snapshot($1, $2, $3, $4, $5)', [
      this.#id,
      queueName,
      tick,
      group.first.#id,
      group.size,
    ]);
  }

  /** Has the worker stand still at the tick until `end`. To be called as `commit`, after it. */
  async hold(): Promise<void> {
    await this.#session.query('select pgcascade.hold_at_snapshot($1)', [this.#id]);
  }

  /** Tells the worker that the snapshot is not needed any more. */
  async end(): Promise<void> {
    // Without it the worker finds out by the lock, which ends with the session.
    if (this.#session.isOpen) {
      await this.#session
        .query('select pgcascade.end_snapshot_request($1)', [this.#id])
        .catch(() => undefined);
    }
  }

  /** Waits for the worker. Throws PC306 when it did not move, PC500 when it was not there in time. */
  async wait({ queueName, tick, timeoutMs, deadline, signal }: WaitForSnapshot): Promise<SnapshotAnswer> {
    const before = await this.#completedTick(queueName);
    for (;;) {
      signal?.throwIfAborted();
      const woken = new AbortController();
      this.#wake = () => woken.abort();
      const answer = await this.#look();
      if (answer !== undefined) return answer;
      if (performance.now() >= deadline) break;
      const stops = signal === undefined ? [] : [signal];
      await sleep(POLL_MS, AbortSignal.any([woken.signal, ...stops]));
    }
    const now = await this.#completedTick(queueName);
    const waited = `${timeoutMs / 1000} s`;
    if (now === before) {
      throw new ReplicateError(
        'PC306',
        `The worker of this node did not move within ${waited}: it is at tick ${now}, compare needs it at ${tick}.`,
      );
    }
    throw new ReplicateError(
      'PC500',
      `The worker of this node was not at tick ${tick} within ${waited}: it came from ${before} to ${now}.`,
    );
  }

  async #look(): Promise<SnapshotAnswer | undefined> {
    const row = await this.#session.one<{ state: string; snapshot: string | null; reason: string | null }>(
      'select * from pgcascade.get_snapshot_request($1)',
      [this.#id],
    );
    if (row.state === 'ready') return { kind: 'ready', snapshot: row.snapshot ?? '' };
    return row.state === 'failed' ? { kind: 'failed', reason: row.reason ?? '' } : undefined;
  }

  async #completedTick(queueName: string): Promise<bigint | null> {
    const { tick } = await this.#session.one<{ tick: bigint | null }>(
      'select pgcascade.completed_tick($1) as tick',
      [queueName],
    );
    return tick;
  }
}
