import { ReplicateError } from '../errors/replicate-error.js';
import type { ConsumerEvent } from './consumer-batch.js';
import { type CsvRow, splitCsvLine } from './csv-rows.js';
import { eventId } from './ids.js';
import type { EventShape } from './read-events.js';

/** An event as consumers get it. */
export const CONSUMER_EVENT: EventShape<ConsumerEvent> = {
  columns: 'ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4',
  parse: (line) => toEvent(splitCsvLine(line)),
};

function toEvent(row: CsvRow): ConsumerEvent {
  const [id, time, txid, retry, type, data, extra1, extra2, extra3, extra4] = row;
  if (id == null || time == null || txid == null || row.length !== 10) {
    throw new ReplicateError('PC404', 'An event has no id, no time or no transaction.', {
      columns: row.length,
    });
  }
  return {
    id: eventId(BigInt(id)),
    // `2026-01-31 12:00:00.123456+00`: our sessions are in ISO style and UTC.
    time: new Date(`${time.slice(0, 10)}T${time.slice(11).replace('+00', 'Z')}`),
    txid: BigInt(txid),
    retryCount: retry == null ? 0 : Number(retry),
    type: type ?? null,
    data: data ?? null,
    extra1: extra1 ?? null,
    extra2: extra2 ?? null,
    extra3: extra3 ?? null,
    extra4: extra4 ?? null,
  };
}
