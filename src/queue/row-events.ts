import { ReplicateError } from '../errors/replicate-error.js';
import { CSV_DELIMITER, CSV_QUOTE, type CsvRow, splitCsvLine } from './csv-rows.js';
import type { QueueEvent } from './event.js';
import { eventId } from './ids.js';

type Head = Pick<QueueEvent, 'type' | 'extra1' | 'extra2' | 'extra3' | 'extra4'>;

const HEAD_FIELDS = 5;

/**
 * Reads the events of a worker from lines of COPY. Most events begin as the one before, of the same table and operation, so what
 * is alike stands first and is taken over without being read again: this runs once for every event.
 */
export class RowEvents {
  readonly columns = 'ev_type, ev_extra1, ev_extra2, ev_extra3, ev_extra4, ev_id, ev_txid, ev_data';
  #headText = CSV_QUOTE;
  #head: Head = { type: '', extra1: null, extra2: null, extra3: null, extra4: null };
  #txidText = '0';
  #txid = 0n;

  /** Throws PC404 for a line that is no event. */
  parse(line: string): QueueEvent {
    if (line.includes(CSV_QUOTE) || !line.startsWith(this.#headText)) return this.#parseWhole(line);
    const idEnd = line.indexOf(CSV_DELIMITER, this.#headText.length);
    const txidEnd = line.indexOf(CSV_DELIMITER, idEnd + 1);
    return this.#event(
      this.#head,
      line.slice(this.#headText.length, idEnd),
      line.slice(idEnd + 1, txidEnd),
      line.slice(txidEnd + 1) || null,
    );
  }

  #parseWhole(line: string): QueueEvent {
    const row = splitCsvLine(line);
    const [type, extra1, extra2, extra3, extra4, id, txid, data] = row;
    if (type == null || id == null || txid == null) throw noEvent(row);
    const head = {
      type,
      extra1: extra1 ?? null,
      extra2: extra2 ?? null,
      extra3: extra3 ?? null,
      extra4: extra4 ?? null,
    };
    if (!line.includes(CSV_QUOTE)) {
      const fields = row.slice(0, HEAD_FIELDS);
      this.#headText = fields.map((field) => `${field ?? ''}${CSV_DELIMITER}`).join('');
      this.#head = head;
    }
    return this.#event(head, id, txid, data ?? null);
  }

  #event(head: Head, id: string, txid: string, data: string | null): QueueEvent {
    if (txid !== this.#txidText) {
      this.#txid = BigInt(txid);
      this.#txidText = txid;
    }
    return {
      id: eventId(BigInt(id)),
      txid: this.#txid,
      type: head.type,
      data,
      extra1: head.extra1,
      extra2: head.extra2,
      extra3: head.extra3,
      extra4: head.extra4,
    };
  }
}

/** The error for a row of COPY that is no event. */
export function noEvent(row: CsvRow): ReplicateError {
  return new ReplicateError('PC404', 'An event has no id, no transaction or no type.', {
    columns: row.length,
  });
}
