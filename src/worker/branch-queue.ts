import { once } from 'node:events';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import type { Batch } from '../queue/batches.js';
import { CSV_COPY_OPTIONS } from '../queue/csv-rows.js';
import type { ForwardedEvent } from '../queue/event.js';
import { FORWARDED_COLUMNS } from '../queue/read-events.js';
import { TICK_CHANNEL } from '../queue/tick-channel.js';
import type { BatchQueue } from './batch-queue.js';
import type { LargeRows } from './large-rows.js';

/**
 * The queue of a branch, while one batch is written to it: the same events under the same ids, and then the same tick,
 * so that the nodes below can change between this node and any other of the cascade.
 *
 * All of it is in the transaction of the batch: after a crash either tables, events, tick and position are there, or
 * none of them.
 */
export class BranchQueue implements BatchQueue {
  readonly #tx: Connection;
  readonly #batch: Batch;
  readonly #eventTable: string;
  #lastId = 0n;

  private constructor(tx: Connection, batch: Batch, eventTable: string) {
    this.#tx = tx;
    this.#batch = batch;
    this.#eventTable = eventTable;
  }

  /** `tx`: the batch's transaction. */
  static async open(tx: Connection, batch: Batch): Promise<BranchQueue> {
    // As pgq.current_event_table, which opens a branch's queue only to a session of a replica: first the transaction gets its id, by
    // which rotation knows that it may still write to the table.
    await tx.query('select txid_current()');
    const { name } = await tx.one<{ name: string }>(
      "select queue_data_pfx || '_' || queue_cur_table as name from pgq.queue where queue_name = $1",
      [batch.queueName],
    );
    return new BranchQueue(tx, batch, quoteName(name));
  }

  /** Writes the events of one block, whatever they are and whether or not this node replicates their tables. */
  async write(block: readonly ForwardedEvent[]): Promise<void> {
    const stream = this.#tx.copyFrom(
      `copy ${this.#eventTable} (${FORWARDED_COLUMNS}) from stdin with ${CSV_COPY_OPTIONS}`,
    );
    stream.end(`${block.map(({ line }) => line).join('\n')}\n`);
    await once(stream, 'finish');
    this.#note(block.at(-1)?.id ?? 0n);
  }

  /** Writes one event whose row is never held here. */
  async writeLarge(event: ForwardedEvent, rows: LargeRows): Promise<void> {
    await rows.stage(event);
    const { id, time, type, extra1, extra3, extra4 } = event;
    await this.#tx.query(
      `insert into ${this.#eventTable} (${FORWARDED_COLUMNS})
       select $1, $2::timestamptz, $3, r.data, $4, r.old_row, $5, $6 from pg_temp.pgc_large_row as r where r.event_id = $1`,
      [id, time, type, extra1, extra3, extra4],
    );
    this.#note(id);
  }

  /** Makes the batch's end tick, after all its events; waiting readers hear of it when the transaction commits. */
  async end(): Promise<void> {
    const { queueName, endTick, endTime, endEventSequence } = this.#batch;
    // Branches of the original forget the sequence when they are started anew.
    const sequence = endEventSequence > this.#lastId ? endEventSequence : this.#lastId;
    await this.#tx.query('select pgq.ticker($1, $2, $3::timestamptz, $4), pg_notify($5, $1)', [
      queueName,
      endTick,
      endTime,
      sequence,
      TICK_CHANNEL,
    ]);
  }

  #note(id: bigint): void {
    if (id > this.#lastId) this.#lastId = id;
  }
}
