import type { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import type pg from 'pg';
import { from as copyFrom, to as copyTo } from 'pg-copy-streams';
import { ReplicateError } from '../errors/replicate-error.js';
import { CopyFramesIn, CopyFramesOut } from './copy-frames.js';
import { isConnectionLoss } from './sqlstate.js';
import { type BatchOutcome, type BatchStatement, StatementBatch, type Wire } from './statement-batch.js';

/** One row by column name. int8 arrives as bigint; date and time types, numeric and json as PostgreSQL's own text. */
export type Row = Record<string, unknown>;

export interface Notification {
  readonly channel: string;
  readonly payload: string;
}

/** Longest wait for a server to end a session that is told to. */
const CLOSE_LIMIT_MS = 5_000;

/**
 * One session on one server, in our session state.
 *
 * Calls queue up and run one after the other. When the connection is lost every call throws PC203; the object is
 * then of no use any more.
 */
export class Connection implements AsyncDisposable {
  readonly #client: pg.Client;
  /** What the connection leads to, without the password: for messages. */
  readonly target: string;
  /** As `server_version_num`: 130023, 180004. */
  readonly serverVersion: number;
  /** The server process of the session, as it calls itself: behind a pooler the protocol's may be another. */
  readonly backendId: number;
  #closed = false;
  #lost: Error | undefined;
  #depth = 0;
  /** The last call, when it was of statements that are sent together. */
  #lastBatch: StatementBatch | undefined;

  /** Use `connect`. */
  constructor(
    client: pg.Client,
    { target, serverVersion, backendId }: Pick<Connection, 'target' | 'serverVersion' | 'backendId'>,
  ) {
    this.#client = client;
    this.target = target;
    this.serverVersion = serverVersion;
    this.backendId = backendId;
    client.on('error', (error) => {
      this.#lost = error;
    });
    client.on('end', () => {
      this.#lost ??= new Error('Connection terminated');
    });
  }

  /** True until the connection was closed by us or lost. */
  get isOpen(): boolean {
    return !this.#closed && this.#lost === undefined;
  }

  /** True while an answer is due of which nothing is here: what has come waits in the socket until somebody reads it. */
  get isWaiting(): boolean {
    const { readyForQuery } = this.#client as unknown as { readonly readyForQuery: boolean };
    return this.isOpen && !readyForQuery && this.#wire.stream.readableLength === 0;
  }

  /** Bytes that have come from the server since the session began. */
  get bytesRead(): number {
    return this.#wire.stream.bytesRead;
  }

  /** Runs one statement and returns its rows. */
  async query<R extends Row = Row>(text: string, values?: readonly unknown[]): Promise<R[]> {
    return (await this.#run(statement(text, values))).rows as R[];
  }

  /** Runs one statement that returns exactly one row. */
  async one<R extends Row = Row>(text: string, values?: readonly unknown[]): Promise<R> {
    const rows = await this.query<R>(text, values);
    const [row] = rows;
    if (row === undefined || rows.length > 1) {
      throw new ReplicateError('PC900', `One row was expected, ${rows.length} came.`, { statement: text });
    }
    return row;
  }

  /** Runs one statement, or with no values several, and returns the number of rows the last one touched. */
  async execute(text: string, values?: readonly unknown[]): Promise<number> {
    const result: unknown = await this.#run(statement(text, values));
    const last = (Array.isArray(result) ? result.at(-1) : result) as pg.QueryResult;
    return last.rowCount ?? 0;
  }

  /**
   * Runs exactly one statement of somebody else's: the server refuses a text that holds several. Unlike in a message of
   * several, no part of it can end the transaction unseen.
   */
  async executeOnly(text: string): Promise<void> {
    const config: pg.QueryConfig & { queryMode: 'extended' } = { text, queryMode: 'extended' };
    await this.#run(config);
  }

  /** Like `execute`, with a statement that the server keeps prepared under `name` for this session. */
  async executePrepared(name: string, text: string, values: readonly unknown[]): Promise<number> {
    return (await this.#run({ name, text, values: values as unknown[] })).rowCount ?? 0;
  }

  /** Like `query`, each row as an array: cheaper for many rows. */
  async queryArrays(text: string, values?: readonly unknown[]): Promise<unknown[][]> {
    const result = await this.#run({ ...statement(text, values), rowMode: 'array' });
    return result.rows as unknown as unknown[][];
  }

  /**
   * Runs `body` in a transaction; `begin` may name its mode, for example `begin isolation level repeatable read`.
   * Rolls back when the body throws. When the commit itself fails by a lost connection, its outcome is unknown.
   */
  async transaction<T>(body: (tx: Connection) => Promise<T>, begin = 'begin'): Promise<T> {
    if (this.#depth > 0) throw new ReplicateError('PC900', 'Transactions do not nest.');
    await this.execute(begin);
    this.#depth++;
    try {
      const result = await body(this);
      await this.execute('commit');
      return result;
    } catch (error) {
      if (this.isOpen) {
        // The first error is the one that matters; a rollback fails only with the connection itself.
        await this.execute('rollback').catch(() => undefined);
      }
      throw error;
    } finally {
      this.#depth--;
    }
  }

  /** The stream into `copy … from stdin`: end it, then wait for 'finish'. */
  copyFrom(text: string): Writable {
    return this.#begin(copyFrom(text));
  }

  /**
   * Runs statements one after the other, and none after one that fails; they are sent in one go. What the server refuses is
   * told in the outcome. Inside of a transaction only: outside, one that fails takes those before it back.
   *
   * Called again before the answer, it sends the next statements at once: the server goes on with them without a pause, also when
   * one of those before has failed (then the transaction is in error, and these fail too).
   */
  async executeTogether(statements: readonly BatchStatement[]): Promise<BatchOutcome> {
    this.#assertOpen();
    const outcome = await new Promise<BatchOutcome>((resolve) => {
      const batch = new StatementBatch(statements, resolve);
      if (this.#lastBatch?.isUnderWay === true) batch.send(this.#wire);
      this.#lastBatch = batch;
      this.#client.query(batch as unknown as pg.Submittable);
    });
    if (outcome.error === undefined) return outcome;
    const error = this.#told(outcome.error);
    if (error instanceof ReplicateError) throw error;
    return outcome;
  }

  /** The stream out of `copy … to stdout`. Read it to its end before the next call on this connection. */
  copyTo(text: string): Readable {
    return this.#begin(copyTo(text));
  }

  /** Like `copyTo`, in the messages that `copyFramesFrom` takes: for rows that go on to another server unseen. */
  copyFramesTo(text: string): CopyFramesOut {
    return this.#begin(new CopyFramesOut(text));
  }

  /** The stream into `copy … from stdin` of what `copyFramesTo` gives: end it, then wait for 'finish'. */
  copyFramesFrom(text: string): Writable {
    return this.#begin(new CopyFramesIn(text));
  }

  #begin<S extends Readable | Writable>(copy: S): S {
    this.#assertOpen();
    this.#lastBatch = undefined;
    // Whoever waits for the stream is told. An error that comes when nobody does, as the second one of a server that goes away, would end
    // the process.
    copy.on('error', () => undefined);
    return this.#client.query(copy as unknown as pg.Submittable) as unknown as S;
  }

  /** Listens on a channel; `listener` is called for each notification until the connection ends. */
  async listen(channel: string, listener: (notification: Notification) => void): Promise<void> {
    this.#client.on('notification', (message) => {
      if (message.channel === channel) listener({ channel, payload: message.payload ?? '' });
    });
    await this.execute(`listen "${channel.replaceAll('"', '""')}"`);
  }

  /** Calls `listener` once when the connection is lost or closed. */
  onEnd(listener: () => void): void {
    this.#client.once('end', listener);
  }

  /** Ends the session; an open transaction is rolled back by the server. Safe to repeat. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    // A server that is gone without a word does not answer this either.
    const limit = setTimeout(() => this.#wire.stream.destroy(), CLOSE_LIMIT_MS);
    // A connection that is already gone cannot be ended politely; there is nothing to do about it.
    await this.#client.end().catch(() => undefined);
    clearTimeout(limit);
  }

  /** Cuts the connection at once, without waiting for a running statement. */
  destroy(): void {
    this.#closed = true;
    this.#wire.stream.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #assertOpen(): void {
    if (!this.isOpen) {
      throw new ReplicateError(
        'PC203',
        `The connection to ${this.target} is closed.`,
        {},
        { cause: this.#lost },
      );
    }
  }

  /** What `pg` sends its messages by. */
  get #wire(): Wire & { readonly stream: Socket } {
    return (this.#client as unknown as { readonly connection: Wire & { readonly stream: Socket } })
      .connection;
  }

  async #run(config: pg.QueryConfig & { rowMode?: 'array' }): Promise<pg.QueryResult> {
    this.#assertOpen();
    this.#lastBatch = undefined;
    try {
      return await this.#client.query(config);
    } catch (error) {
      throw this.#told(error);
    }
  }

  /** The error as a caller is to see it. */
  #told(error: unknown): unknown {
    if (!isConnectionLoss(error) && this.isOpen) return error;
    return new ReplicateError('PC203', `The connection to ${this.target} was lost.`, {}, { cause: error });
  }
}

function statement(text: string, values: readonly unknown[] | undefined): pg.QueryConfig {
  return values === undefined ? { text } : { text, values: [...values] };
}
