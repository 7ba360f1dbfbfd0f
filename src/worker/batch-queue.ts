import type { ForwardedEvent } from '../queue/event.js';
import type { LargeRows } from './large-rows.js';

/** A queue of this node's own database that a batch is written to, in the transaction in which it is applied. */
export interface BatchQueue {
  /** Writes a large event, whose row is taken from `rows`; undefined where whole events only can be written. */
  readonly writeLarge?: (event: ForwardedEvent, rows: LargeRows) => Promise<void>;
  /** Writes the events of one block, in the order of the blocks. */
  write(block: readonly ForwardedEvent[]): Promise<void>;
  /** Called once, after the last block and before the commit. */
  end(): Promise<void>;
}
