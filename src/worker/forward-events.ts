import type { Connection } from '../db/connection.js';
import { rewriteEvents } from '../handlers/rewrite-events.js';
import { formatCsvRow } from '../queue/csv-rows.js';
import type { ForwardedEvent } from '../queue/event.js';
import type { BatchQueue } from './batch-queue.js';
import { isControlEvent } from './control-event.js';
import type { LargeRows } from './large-rows.js';
import type { TableRegistry } from './table-registry.js';

export interface ForwardPorts {
  readonly tx: Connection;
  readonly queue: BatchQueue;
  readonly registry: TableRegistry;
  readonly largeRows: LargeRows;
}

/**
 * Hands a block on to a queue of this database. The row of a large event, which is the last one, goes there without being held here,
 * unless something is to be made of it: then `block` has it, and not only `read`, the block as it came.
 */
export async function forwardBlock(
  { tx, queue, registry, largeRows }: ForwardPorts,
  read: readonly ForwardedEvent[],
  block: readonly ForwardedEvent[],
): Promise<void> {
  const large = read.at(-1);
  if (large?.largeBytes === undefined) return queue.write(await forwardedEvents(tx, block, registry));
  const held = block.slice(0, -1);
  if (held.length > 0) await queue.write(await forwardedEvents(tx, held, registry));
  const whole = block.slice(-1).filter(({ largeBytes }) => largeBytes === undefined);
  const [rewritten] = await forwardedEvents(tx, whole, registry);
  // The line that it came as has no row.
  if (rewritten !== undefined && rewritten !== whole[0]) return queue.write([rewritten]);
  await queue.writeLarge?.(large, largeRows);
}

/**
 * What a branch puts into its own queue for a block: every event under its id, most of them as they came. The rows of
 * a table whose handler says so are handed on as this node has them, in whatever state the table is here.
 *
 * Throws what keeps such a row from being rewritten: it must not be handed on then.
 */
async function forwardedEvents(
  tx: Connection,
  block: readonly ForwardedEvent[],
  registry: TableRegistry,
): Promise<readonly ForwardedEvent[]> {
  if (!registry.hasForwardedSelections) return block;
  const tables = new Map<string, ForwardedEvent[]>();
  for (const event of block) {
    if (event.extra1 === null || isControlEvent(event) || !registry.forwardsSelection(event.extra1)) continue;
    const list = tables.get(event.extra1);
    if (list === undefined) tables.set(event.extra1, [event]);
    else list.push(event);
  }
  const rewritten = new Map<ForwardedEvent['id'], ForwardedEvent>();
  for (const [tableName, events] of tables) {
    const rewrite = registry.rewrite(await registry.target(tx, tableName));
    if (rewrite === undefined) continue;
    for (const event of await rewriteEvents(tx, events, rewrite)) {
      rewritten.set(event.id, { ...event, line: lineOf(event) });
    }
  }
  return block.map((event) => rewritten.get(event.id) ?? event);
}

/** The line that the event came as still says what was written. */
function lineOf(event: ForwardedEvent): string {
  const { id, time, type, data, extra1, extra2, extra3, extra4 } = event;
  return formatCsvRow([`${id}`, time, type, data, extra1, extra2, extra3, extra4]).slice(0, -1);
}
