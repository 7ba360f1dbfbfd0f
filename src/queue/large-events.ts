import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { Batch } from './batches.js';
import { type EventId, numberOfText } from './ids.js';

/** An event whose row takes more bytes than this on the provider is read apart from the others, and never held here. */
const LARGE_EVENT_BYTES = 1_048_576;

const isLong = (column: string) => `octet_length(${column}) > ${LARGE_EVENT_BYTES}`;
/** Of rows as JSON only; others are rewritten here. */
const IS_LARGE_SQL = `(${isLong('ev_data')} or ${isLong('ev_extra2')}) and ev_type like '{%'`;
const shortSql = (column: string) =>
  `case when ${isLong(column)} and ev_type like '{%' then null else ${column} end as ${column}`;

/** Columns of an event without what is read apart, and what tells of that. */
export const DATA_SQL = shortSql('ev_data');
export const EXTRA2_SQL = shortSql('ev_extra2');
export const LARGE_BYTES_SQL = `case when ${IS_LARGE_SQL} then coalesce(octet_length(ev_data), 0) + coalesce(octet_length(ev_extra2), 0) end as large_bytes`;

/** The value of `LARGE_BYTES_SQL`'s column. */
export function largeBytesOf(text: string | null | undefined): number | undefined {
  return text == null ? undefined : Number(numberOfText(text));
}

const LINE_END = 0x0a;

/**
 * The rows of a batch's large events, in the order of the queue, on a session of their own, which is opened for the first of
 * them. A row goes from the provider to a stream piece by piece: one that takes hundreds of megabytes takes none here.
 *
 * Nothing is changed on the provider; the batch must be open.
 */
export class LargeEvents implements AsyncDisposable {
  readonly #connect: () => Promise<Connection>;
  readonly #batch: Batch;
  #connection: Connection | undefined;
  #isOver = false;
  #chunks: AsyncIterator<Buffer> | undefined;
  /** What has been read behind the last row. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(connect: () => Promise<Connection>, batch: Batch) {
    this.#connect = connect;
    this.#batch = batch;
  }

  /** Begins to read, the first time. `writeTo` does it too: for a target that is not to be opened in vain. */
  async open(): Promise<void> {
    this.#chunks ??= await this.#open();
  }

  /**
   * Writes one event as a line of COPY's text format: its id, ev_data and ev_extra2. `target` is not ended. Large events before
   * it are passed over, so ask in the order of the queue. Throws PC203 when the events end before it.
   */
  async writeTo(target: Writable, id: EventId): Promise<void> {
    await this.open();
    for (;;) {
      const found = await this.#lineId();
      const isWanted = found === id;
      await this.#passLine(isWanted ? target : undefined);
      if (isWanted) return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A COPY that is left before its end can only be cut.
    this.#isOver = true;
    this.#connection?.destroy();
  }

  async #open(): Promise<AsyncIterator<Buffer>> {
    this.#connection = await this.#connect();
    if (this.#isOver) {
      this.#connection.destroy();
      throw new ReplicateError(
        'PC203',
        `The large events of batch ${this.#batch.id} are not wanted any more.`,
      );
    }
    const { sql } = await this.#connection.one<{ sql: string }>('select pgq.batch_event_sql($1) as sql', [
      this.#batch.id,
    ]);
    const stream: Readable = this.#connection.copyTo(
      `copy (select ev_id, ev_data, ev_extra2 from (${sql}) as e where ${IS_LARGE_SQL} order by ev_id) to stdout`,
    );
    return stream[Symbol.asyncIterator]();
  }

  /** The id that the next line begins with; nothing is taken. */
  async #lineId(): Promise<bigint> {
    for (;;) {
      const end = this.#rest.indexOf('\t');
      if (end > 0) return numberOfText(this.#rest.toString('latin1', 0, end));
      this.#rest = Buffer.concat([this.#rest, await this.#chunk()]);
    }
  }

  /** Takes a line off, with its end. */
  async #passLine(target: Writable | undefined): Promise<void> {
    for (;;) {
      const end = this.#rest.indexOf(LINE_END);
      const piece = end < 0 ? this.#rest : this.#rest.subarray(0, end + 1);
      await write(target, piece);
      if (end >= 0) {
        this.#rest = this.#rest.subarray(end + 1);
        return;
      }
      this.#rest = await this.#chunk();
    }
  }

  async #chunk(): Promise<Buffer> {
    const next = await this.#chunks?.next();
    if (next === undefined || next.done === true) {
      throw new ReplicateError('PC203', `The large events of batch ${this.#batch.id} ended too early.`);
    }
    return next.value;
  }
}

async function write(target: Writable | undefined, piece: Buffer): Promise<void> {
  if (target === undefined || piece.length === 0) return;
  if (!target.write(piece)) await once(target, 'drain');
}
