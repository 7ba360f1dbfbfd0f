import { ReplicateError } from '../errors/replicate-error.js';
import { CSV_DELIMITER, CSV_QUOTE, type CsvRow, splitCsvLine } from './csv-rows.js';
import type { QueueEvent } from './event.js';
import { eventId, numberOfText } from './ids.js';
import { DATA_SQL, EXTRA2_SQL, LARGE_BYTES_SQL, largeBytesOf } from './large-events.js';
import { ownCopy } from './own-copy.js';

type Head = Pick<QueueEvent, 'type' | 'extra1' | 'extra2' | 'extra4' | 'largeBytes'>;

/** Fields of a head. */
const HEAD_FIELDS = 5;
/** Heads are few, one for each operation on each table, but come from outside: the memory they may take is bounded. */
const MAX_HEADS = 10_000;

/**
 * Reads the events of a worker from lines of COPY. What events of one table and operation have alike stands first and is kept,
 * so that it is not read again: this runs once for every event.
 */
export class RowEvents {
  readonly columns =
    `ev_type, ev_extra1, ${EXTRA2_SQL}, ev_extra4, ${LARGE_BYTES_SQL}, ev_id, ev_txid, ev_extra3, ${DATA_SQL}`;
  readonly #heads = new Map<string, Head>();
  /** The head of the event before. */
  #lastText = CSV_QUOTE;
  #last: Head = { type: '', extra1: null, extra2: null, extra4: null };
  #txidText = '0';
  #txid = 0n;

  /** Throws PC404 for a line that is no event. */
  parse(line: string): QueueEvent {
    if (line.includes(CSV_QUOTE)) return this.#parseQuoted(line);
    if (!line.startsWith(this.#lastText)) this.#changeHead(line);
    const idAt = this.#lastText.length;
    const txidAt = line.indexOf(CSV_DELIMITER, idAt) + 1;
    const extra3At = line.indexOf(CSV_DELIMITER, txidAt) + 1;
    const dataAt = line.indexOf(CSV_DELIMITER, extra3At) + 1;
    const isShort = txidAt <= idAt + 1 || extra3At <= txidAt + 1 || dataAt === 0;
    if (isShort || line.includes(CSV_DELIMITER, dataAt)) throw noEvent(splitCsvLine(line));
    return this.#event(this.#last, {
      id: line.slice(idAt, txidAt - 1),
      txid: line.slice(txidAt, extra3At - 1),
      extra3: line.slice(extra3At, dataAt - 1) || null,
      data: line.slice(dataAt) || null,
    });
  }

  #changeHead(line: string): void {
    let end = 0;
    for (let i = 0; i < HEAD_FIELDS; i++) {
      end = line.indexOf(CSV_DELIMITER, end) + 1;
      if (end === 0) throw noEvent(splitCsvLine(line));
    }
    const text = line.slice(0, end);
    let head = this.#heads.get(text);
    if (head === undefined) {
      const kept = ownCopy(text);
      head = headOf(splitCsvLine(kept));
      // An old row is in no other event, and a large one is one by itself.
      if (head.extra2 === null && head.largeBytes === undefined) this.#keep(kept, head);
    }
    this.#lastText = text;
    this.#last = head;
  }

  #keep(text: string, head: Head): void {
    if (this.#heads.size >= MAX_HEADS) this.#heads.clear();
    this.#heads.set(text, head);
  }

  #parseQuoted(line: string): QueueEvent {
    const row = splitCsvLine(line);
    const [id, txid, extra3, data, ...more] = row.slice(HEAD_FIELDS);
    if (id == null || txid == null || data === undefined || more.length > 0) throw noEvent(row);
    return this.#event(headOf(row), { id, txid, extra3: extra3 ?? null, data });
  }

  #event(
    head: Head,
    own: {
      readonly id: string;
      readonly txid: string;
      readonly extra3: string | null;
      readonly data: string | null;
    },
  ): QueueEvent {
    if (own.txid !== this.#txidText) {
      this.#txid = numberOfText(own.txid);
      this.#txidText = own.txid;
    }
    return {
      id: eventId(numberOfText(own.id)),
      txid: this.#txid,
      type: head.type,
      data: own.data,
      extra1: head.extra1,
      extra2: head.extra2,
      extra3: own.extra3,
      extra4: head.extra4,
      largeBytes: head.largeBytes,
    };
  }
}

function headOf(row: CsvRow): Head {
  const [type, extra1 = null, extra2 = null, extra4 = null, largeBytes] = row;
  if (type == null) throw noEvent(row);
  return { type, extra1, extra2, extra4, largeBytes: largeBytesOf(largeBytes) };
}

/** The error for a row of COPY that is no event. */
export function noEvent(row: CsvRow): ReplicateError {
  return new ReplicateError('PC404', 'An event has no id, no transaction or no type.', {
    columns: row.length,
  });
}
