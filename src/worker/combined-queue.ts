import { once } from 'node:events';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { Batch } from '../queue/batches.js';
import { CSV_COPY_OPTIONS, formatCsvRow } from '../queue/csv-rows.js';
import { parseRowEventType } from '../queue/decode/row-event-type.js';
import type { TimedEvent } from '../queue/event.js';
import type { BatchQueue } from './batch-queue.js';
import { COPY_ANEW, isControlEvent, SCRIPT_EVENT } from './control-event.js';
import { otherQueues } from './merged-table.js';

const COLUMNS = 'ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4';

/**
 * The queue that several others are merged into, while one batch of one of them is written to it: the events of rows
 * under new ids, and then the position in the part's queue (`pgq.tick-id`), for the leaves beside a branch of this queue.
 *
 * All of it is in the transaction of the batch: after a crash either tables, events and position are there, or none.
 */
export class CombinedQueue implements BatchQueue {
  readonly #tx: Connection;
  readonly #batch: Batch;
  readonly #queueName: string;
  readonly #eventTable: string;
  readonly #isMergedHere: (tableName: string) => boolean;
  /** Table → whether other queues feed it too; asked at a TRUNCATE. */
  readonly #isMerged = new Map<string, boolean>();

  private constructor(
    tx: Connection,
    batch: Batch,
    queueName: string,
    eventTable: string,
    isMergedHere: (tableName: string) => boolean,
  ) {
    this.#tx = tx;
    this.#batch = batch;
    this.#queueName = queueName;
    this.#eventTable = eventTable;
    this.#isMergedHere = isMergedHere;
  }

  /**
   * `tx`: the batch's transaction; `isLocal`: whether the leaf replicates a table. Throws PC315 when this database is not the open root
   * of the combined queue.
   */
  static async open(
    tx: Connection,
    batch: Batch,
    queueName: string,
    isLocal: (tableName: string) => boolean,
  ): Promise<CombinedQueue> {
    await assertOpen(tx, queueName, '');
    const { name, unmerged } = await tx.one<{ name: string; unmerged: string[] }>(
      `select pgq.current_event_table($1) as name,
              array(select table_name from pgcascade.unmerged_part where queue_name = $2) as unmerged`,
      [queueName, batch.queueName],
    );
    const isMergedHere = (tableName: string) => isLocal(tableName) && !unmerged.includes(tableName);
    return new CombinedQueue(tx, batch, queueName, quoteName(name), isMergedHere);
  }

  async write(block: readonly TimedEvent[]): Promise<void> {
    let rows: string[] = [];
    for (const event of block) {
      // The members and tables of the part's cascade are not those of this one; EXECUTE is for all.
      if (isControlEvent(event) && event.type !== SCRIPT_EVENT) continue;
      if (this.#isUnknownBelow(event)) continue;
      if (await this.#isPartTruncate(event)) {
        await this.#copy(rows);
        rows = [];
        await requestCopyAnew(this.#tx, this.#queueName, event.extra1 as string);
      } else {
        rows.push(toCsv(event));
      }
    }
    await this.#copy(rows);
  }

  /**
   * Rows of a table that the leaf does not have, or has not copied once: below they would be changes of rows that nobody there has.
   * The copy tells the nodes below to copy the table anew, in its own transaction, so every later batch is of use to them.
   */
  #isUnknownBelow({ type, extra1 }: TimedEvent): boolean {
    return extra1 !== null && parseRowEventType(type) !== undefined && !this.#isMergedHere(extra1);
  }

  async end(): Promise<void> {
    const { queueName, endTick } = this.#batch;
    // A takeover closes the queue and makes its last tick then; the lock makes it wait for this transaction.
    await assertOpen(this.#tx, this.#queueName, 'for share of q');
    await this.#tx.query("select pgq.insert_event($1, 'pgq.tick-id', $2, $3, null, null, null)", [
      this.#queueName,
      `${endTick}`,
      queueName,
    ]);
  }

  async #copy(rows: readonly string[]): Promise<void> {
    if (rows.length === 0) return;
    const stream = this.#tx.copyFrom(
      `copy ${this.#eventTable} (${COLUMNS}) from stdin with ${CSV_COPY_OPTIONS}`,
    );
    stream.end(rows.join(''));
    await once(stream, 'finish');
  }

  /** A TRUNCATE at one of several sources of a table: below it would take the rows of the others with it. */
  async #isPartTruncate(event: TimedEvent): Promise<boolean> {
    if (event.extra1 === null || parseRowEventType(event.type)?.operation !== 'truncate') return false;
    let isMerged = this.#isMerged.get(event.extra1);
    if (isMerged === undefined) {
      isMerged = (await otherQueues(this.#tx, this.#batch.queueName, event.extra1)).length > 0;
      this.#isMerged.set(event.extra1, isMerged);
    }
    return isMerged;
  }
}

/**
 * Tells the nodes below the root of a combined queue that rows of a table have come or gone there otherwise than by
 * events: they copy it anew. In the transaction that changes the rows. Throws PC315 when the queue is closed.
 */
export async function requestCopyAnew(
  tx: Connection,
  combinedQueue: string,
  tableName: string,
): Promise<void> {
  await assertOpen(tx, combinedQueue, 'for share of q');
  await tx.query('select pgq.insert_event($1, $2, $3)', [combinedQueue, COPY_ANEW, tableName]);
}

async function assertOpen(tx: Connection, queueName: string, lock: '' | 'for share of q'): Promise<void> {
  const open = await tx.query(
    `select from pgq.queue as q
       join pgq_node.node_info as n on n.queue_name = q.queue_name and n.node_type = 'root'
      where q.queue_name = $1 and not q.queue_disable_insert ${lock}`,
    [queueName],
  );
  if (open.length > 0) return;
  throw new ReplicateError(
    'PC315',
    `The queue "${queueName}", which this one is merged into, takes no events at ${tx.target} now.`,
    { queueName },
  );
}

function toCsv(event: TimedEvent): string {
  const { time, type, data, extra1, extra2, extra3, extra4 } = event;
  return formatCsvRow([time, type, data, extra1, extra2, extra3, extra4]);
}
