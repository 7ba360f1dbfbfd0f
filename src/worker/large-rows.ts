import { once } from 'node:events';
import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { QueueEvent } from '../queue/event.js';
import type { LargeEvents } from '../queue/large-events.js';

/**
 * Where the rows of large events stand in the transaction of a batch, one at a time: a temporary table of the subscriber, so
 * that the worker never holds one. It is made for the first of them and gone with the transaction.
 */
export class LargeRows {
  readonly #tx: Connection;
  readonly #events: LargeEvents;
  #staged: bigint | undefined;
  #isMade = false;

  constructor(tx: Connection, events: LargeEvents) {
    this.#tx = tx;
    this.#events = events;
  }

  /** Brings the row of an event here, in place of the one before; in the order of the queue. The transaction must be free. */
  async stage({ id }: QueueEvent): Promise<void> {
    if (this.#staged === id) return;
    await this.clear();
    await this.#makeTable();
    await this.#events.open();
    const stream = this.#tx.copyFrom('copy pg_temp.pgc_large_row (event_id, data, old_row) from stdin');
    // A refused row ends the wait for the stream to be drained, too.
    const refused = new Promise<never>((_, reject) => {
      stream.once('error', reject);
    });
    refused.catch(() => undefined);
    try {
      await Promise.race([this.#events.writeTo(stream, id), refused]);
      stream.end();
      await Promise.race([once(stream, 'finish'), refused]);
    } catch (error) {
      // The session is free for the rollback only when its COPY has ended.
      stream.destroy(error instanceof Error ? error : undefined);
      throw error;
    }
    this.#staged = id;
  }

  async #makeTable(): Promise<void> {
    if (this.#isMade) return;
    try {
      await this.#tx.execute(MAKE_TABLE);
    } catch (error) {
      if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
      const message = `The role at ${this.#tx.target} may not make a temporary table, which a row of more than 1 MB takes: grant TEMPORARY on the database to it.`;
      throw new ReplicateError('PC204', message, {}, { cause: error });
    }
    this.#isMade = true;
  }

  /** The event with its row, for those that have to look into it. */
  async whole<E extends QueueEvent>(event: E): Promise<E> {
    await this.stage(event);
    const { data, old_row } = await this.#tx.one<{ data: string | null; old_row: string | null }>(
      'select data, old_row from pg_temp.pgc_large_row where event_id = $1',
      [event.id],
    );
    return { ...event, data, extra2: old_row, largeBytes: undefined };
  }

  /** To be called when a script has run in the transaction, whose end drops all temporary tables. */
  forget(): void {
    this.#isMade = false;
    this.#staged = undefined;
  }

  /** Gives back the space of the row that stands here. */
  async clear(): Promise<void> {
    if (this.#staged === undefined) return;
    await this.#tx.execute('truncate pg_temp.pgc_large_row');
    this.#staged = undefined;
  }
}

/** Compressing what is read again at once is work in vain. */
const MAKE_TABLE = `
    create temporary table pgc_large_row (event_id bigint not null, data text, old_row text) on commit drop;
    alter table pg_temp.pgc_large_row
      alter column data set storage external,
      alter column old_row set storage external`;
