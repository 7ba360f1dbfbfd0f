import type { ForwardedEvent } from '../queue/event.js';

/** A queue of this node's own database that a batch is written to, in the transaction in which it is applied. */
export interface BatchQueue {
  /** Writes the events of one block, in the order of the blocks. */
  write(block: readonly ForwardedEvent[]): Promise<void>;
  /** Called once, after the last block and before the commit. */
  end(): Promise<void>;
}
