import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import type { Connection } from '../db/connection.js';
import { finishBatch, nextBatch } from '../queue/batches.js';
import { parseRowEventType } from '../queue/decode/row-event-type.js';
import type { TimedEvent } from '../queue/event.js';
import type { TickId } from '../queue/ids.js';
import { readTimedEvents } from '../queue/read-events.js';

const BLOCK = { maxBlockRows: 2000, maxBlockBytes: 2_000_000 };

/** The rows of one table that lost events are about. */
export interface TouchedTable {
  readonly keyColumns: readonly string[];
  /** Key as ev_extra3 carries it → a JSON object that has the key's columns. */
  readonly rows: ReadonlyMap<string, string>;
}

export interface LostEvents {
  readonly count: number;
  readonly tables: ReadonlyMap<string, TouchedTable>;
  /** Tables where the events do not tell which rows they are about: no key, a TRUNCATE, another format. */
  readonly unknown: ReadonlySet<string>;
}

/**
 * Writes all events after a tick to a file, one JSON object a line, and tells which rows they are about. The file is
 * complete when it has its name; a repeated call writes the same file again. The queue must take no events.
 */
export async function saveLostEvents(
  connection: Connection,
  queueName: string,
  consumerName: string,
  after: TickId,
  file: string,
): Promise<LostEvents> {
  await connection.query('select pgq.register_consumer_at($1, $2, $3)', [queueName, consumerName, after]);
  const touched = new TouchedRows();
  const half = `${file}.part`;
  const stream = createWriteStream(half);
  for (let batch = await nextBatch(connection, queueName, consumerName); batch !== undefined; ) {
    for await (const block of readTimedEvents(connection, batch, BLOCK)) {
      for (const event of block) {
        touched.add(event);
        if (!stream.write(`${toLine(event)}\n`)) await once(stream, 'drain');
      }
    }
    await finishBatch(connection, batch);
    batch = await nextBatch(connection, queueName, consumerName);
  }
  stream.end();
  await once(stream, 'finish');
  await rename(half, file);
  await connection.query('select pgq.unregister_consumer($1, $2)', [queueName, consumerName]);
  return touched;
}

class TouchedRows implements LostEvents {
  count = 0;
  readonly tables = new Map<string, { keyColumns: readonly string[]; rows: Map<string, string> }>();
  readonly unknown = new Set<string>();

  add(event: TimedEvent): void {
    const { type, data, extra1: tableName, extra3: key } = event;
    const parsed = parseRowEventType(type);
    if (parsed === undefined || tableName === null) return;
    this.count++;
    const { keyColumns, format, operation } = parsed;
    if (
      operation === 'truncate' ||
      format !== 'json' ||
      keyColumns.length === 0 ||
      key === null ||
      data === null
    ) {
      this.unknown.add(tableName);
      return;
    }
    const table = this.tables.get(tableName) ?? { keyColumns, rows: new Map<string, string>() };
    this.tables.set(tableName, table);
    if (table.keyColumns.join() !== keyColumns.join()) this.unknown.add(tableName);
    table.rows.set(key, data);
  }
}

function toLine({ id, time, txid, type, data, extra1, extra2, extra3, extra4 }: TimedEvent): string {
  return JSON.stringify({
    ev_id: `${id}`,
    ev_time: time,
    ev_txid: `${txid}`,
    ev_type: type,
    ev_data: data,
    ev_extra1: extra1,
    ev_extra2: extra2,
    ev_extra3: extra3,
    ev_extra4: extra4,
  });
}
