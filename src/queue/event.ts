import type { EventId } from './ids.js';

/** One event as the queue holds it. What it means depends on `type`; see `parseRowEventType` for row events. */
export interface QueueEvent {
  readonly id: EventId;
  readonly txid: bigint;
  readonly type: string;
  readonly data: string | null;
  /** Of a row event: the table, `schema.name`, unquoted. */
  readonly extra1: string | null;
  /** Of an update: the old row, where the trigger was told to send it. */
  readonly extra2: string | null;
  readonly extra3: string | null;
  readonly extra4: string | null;
  /** Set when the event's row is so large that it is not held here: `data` and `extra2` mean nothing then, see `LargeEvents`. */
  readonly largeBytes?: number | undefined;
  /** When its transaction began, as PostgreSQL's text; read only for the tables that need it. */
  readonly time?: string | undefined;
}

/** An event with its time. */
export interface TimedEvent extends QueueEvent {
  readonly time: string;
}

/** An event as it came, for a branch to write it into its own queue without looking at it. */
export interface ForwardedEvent extends TimedEvent {
  /** The event, but for its transaction, as a line of COPY: what `CSV_COPY_OPTIONS` reads into `FORWARDED_COLUMNS`. */
  readonly line: string;
}
