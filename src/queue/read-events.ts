import type { Connection } from '../db/connection.js';
import { quoteLiteral } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { Batch } from './batches.js';
import { CSV_COPY_OPTIONS, CSV_DELIMITER, CsvLines, type CsvRow, splitCsvLine } from './csv-rows.js';
import type { ForwardedEvent, QueueEvent, TimedEvent } from './event.js';
import { eventId, numberOfText } from './ids.js';
import { DATA_SQL, EXTRA2_SQL, LARGE_BYTES_SQL, largeBytesOf } from './large-events.js';
import { noEvent, RowEvents } from './row-events.js';
import { Utf8Chunks } from './utf8-chunks.js';

export interface BlockLimits {
  /** A block ends when it holds this many events … */
  readonly maxBlockRows: number;
  /** … or this many characters of event data; one larger event is a block of its own. */
  readonly maxBlockBytes: number;
}

export interface ReadEventsOptions extends BlockLimits {
  /** Only the events of this table (ev_extra1). */
  readonly onlyTable?: string | undefined;
  /** Tables (ev_extra1) whose events are read with their times. */
  readonly timedTables?: readonly string[] | undefined;
  /** Only the events that are not about rows. */
  readonly onlyControl?: boolean | undefined;
}

/** What is read of an event, and what becomes of it. */
export interface EventShape<E> {
  /** The columns, `, ` between them. */
  readonly columns: string;
  /** The event of one line of COPY. */
  parse(line: string): E;
}

type MeasuredEvent = Pick<QueueEvent, 'data' | 'extra2' | 'largeBytes'>;

const FIXED_CHARACTERS = 64;

const EVENT_COLUMNS = 'ev_id, ev_txid, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4';
const SHORT_COLUMNS = `ev_id, ev_txid, ev_type, ${DATA_SQL}, ev_extra1, ${EXTRA2_SQL}, ev_extra3, ev_extra4`;

const TIMED_EVENT: EventShape<TimedEvent> = {
  columns: `${EVENT_COLUMNS}, ev_time`,
  parse: (line) => {
    const row = splitCsvLine(line);
    return { ...toEvent(row), time: row[8] as string };
  },
};

/** The columns in the order of a `ForwardedEvent`'s line. */
export const FORWARDED_COLUMNS =
  'ev_id, ev_time, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4';

const FORWARDED_EVENT: EventShape<ForwardedEvent> = {
  // The transaction is one of the provider, and comes first to be cut off.
  columns: `ev_txid, ${FORWARDED_COLUMNS}`,
  parse: (line) => toForwarded(line, splitCsvLine(line)),
};

const SHORT_FORWARDED_EVENT: EventShape<ForwardedEvent> = {
  columns: `${LARGE_BYTES_SQL}, ev_txid, ev_id, ev_time, ev_type, ${DATA_SQL}, ev_extra1, ${EXTRA2_SQL}, ev_extra3, ev_extra4`,
  parse: (line) => {
    const [largeBytes, ...row] = splitCsvLine(line);
    const event = toForwarded(line.slice(line.indexOf(CSV_DELIMITER) + 1), row);
    return { ...event, largeBytes: largeBytesOf(largeBytes) };
  },
};

function toForwarded(line: string, [txid, id, time, ...rest]: CsvRow): ForwardedEvent {
  const event = toEvent([id ?? null, txid ?? null, ...rest]);
  return { ...event, time: time as string, line: line.slice(line.indexOf(CSV_DELIMITER) + 1) };
}

/**
 * The events of a batch as the worker of a leaf needs them, block by block: see `readEventBlocks`. Large ones come without
 * their rows, each as the last of its block.
 */
export function readEvents(
  provider: Connection,
  batch: Batch,
  options: ReadEventsOptions,
): AsyncGenerator<QueueEvent[], void, undefined> {
  return readEventBlocks(provider, batch, rowEvent(options.timedTables ?? []), options, filterOf(options));
}

/** The time costs a tenth more to read, so only of the tables that need it. */
function rowEvent(timedTables: readonly string[]): EventShape<QueueEvent> {
  if (timedTables.length === 0) return new RowEvents();
  const names = timedTables.map(quoteLiteral).join(', ');
  return {
    columns: `${SHORT_COLUMNS}, ${LARGE_BYTES_SQL}, case when ev_extra1 in (${names}) then ev_time end as ev_time`,
    parse: (line) => {
      const row = splitCsvLine(line);
      return { ...toEvent(row), largeBytes: largeBytesOf(row[8]), time: row[9] ?? undefined };
    },
  };
}

function filterOf({ onlyTable, onlyControl }: ReadEventsOptions): string {
  if (onlyTable !== undefined) return ` where ev_extra1 = ${quoteLiteral(onlyTable)}`;
  return onlyControl === true ? " where ev_type ~ '^(pgq|londiste)[.]'" : '';
}

/** As `readEvents`, for a worker that hands the events on; whole ones where `takesLarge` is false. */
export function readForwardedEvents(
  provider: Connection,
  batch: Batch,
  limits: BlockLimits,
  takesLarge: boolean,
): AsyncGenerator<ForwardedEvent[], void, undefined> {
  return readEventBlocks(provider, batch, takesLarge ? SHORT_FORWARDED_EVENT : FORWARDED_EVENT, limits);
}

/** As `readEvents`, with the time of each event. */
export function readTimedEvents(
  provider: Connection,
  batch: Batch,
  limits: BlockLimits,
): AsyncGenerator<TimedEvent[], void, undefined> {
  return readEventBlocks(provider, batch, TIMED_EVENT, limits);
}

/**
 * Reads the events of a batch in their order, block by block.
 *
 * They come through COPY: twice as fast as rows through the driver, the server sends on while a block is worked on,
 * and the socket's buffer is all that is held beside the current block, however large the batch is. Nothing is
 * changed; may be repeated. When the caller stops before the end, the connection is cut, since a running COPY
 * cannot be left otherwise: it must then connect anew.
 */
export async function* readEventBlocks<E extends MeasuredEvent>(
  provider: Connection,
  batch: Batch,
  shape: EventShape<E>,
  limits: BlockLimits,
  filter = '',
): AsyncGenerator<E[], void, undefined> {
  const { sql } = await provider.one<{ sql: string }>('select pgq.batch_event_sql($1) as sql', [batch.id]);
  const stream = provider.copyTo(
    `copy (select ${shape.columns} from (${sql}) as e${filter} order by ev_id) to stdout with ${CSV_COPY_OPTIONS}`,
  );
  const texts = new Utf8Chunks();
  const lines = new CsvLines();
  let block: E[] = [];
  let characters = 0;
  let finished = false;
  try {
    for await (const chunk of stream) {
      for (const line of lines.push(texts.decode(chunk as Buffer))) {
        const event = shape.parse(line);
        block.push(event);
        characters += FIXED_CHARACTERS + (event.data?.length ?? 0) + (event.extra2?.length ?? 0);
        const isFull = block.length >= limits.maxBlockRows || characters >= limits.maxBlockBytes;
        if (isFull || event.largeBytes !== undefined) {
          yield block;
          block = [];
          characters = 0;
        }
      }
    }
    if (!lines.isAtRowEnd) {
      throw new ReplicateError('PC203', `The events of batch ${batch.id} ended in the middle of a row.`);
    }
    finished = true;
  } finally {
    if (!finished) provider.destroy();
  }
  if (block.length > 0) yield block;
}

function toEvent(row: CsvRow): QueueEvent {
  const [id, txid, type, data, extra1, extra2, extra3, extra4] = row;
  if (id == null || txid == null || type == null || row.length < 8) throw noEvent(row);
  return {
    id: eventId(numberOfText(id)),
    txid: numberOfText(txid),
    type,
    data: data ?? null,
    extra1: extra1 ?? null,
    extra2: extra2 ?? null,
    extra3: extra3 ?? null,
    extra4: extra4 ?? null,
  };
}
