import type { QueueEvent } from '../queue/event.js';
import { type BlockOutcome, BlockWriter } from './block-writer.js';
import { type PlanBlockPorts, planBlock } from './plan-block.js';

/**
 * Writes a block of row events, in the order of their ids, within the caller's transaction.
 *
 * The result is exactly that of the source's own order, at whose end only the rows can be seen; most blocks cost one
 * to three statements for each table. A table of which one event cannot be written is in conflict: then none of its
 * events of this block is written, and the other tables' are. Not to be repeated within the transaction.
 *
 * Throws PC404 for an event that is no row event or cannot be read, and everything that is no fault of a table (lost
 * connection, deadlock, missing right): the transaction must then be rolled back.
 */
export async function applyBlock(
  ports: PlanBlockPorts,
  events: readonly QueueEvent[],
): Promise<BlockOutcome> {
  const writer = new BlockWriter(ports.tx);
  const outcome = await writer.write(await planBlock(ports, events));
  await writer.release();
  return outcome;
}
