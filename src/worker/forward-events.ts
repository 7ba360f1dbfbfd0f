import type { Connection } from '../db/connection.js';
import { rewriteEvents } from '../handlers/rewrite-events.js';
import { formatCsvRow } from '../queue/csv-rows.js';
import type { ForwardedEvent } from '../queue/event.js';
import { isControlEvent } from './control-event.js';
import type { TableRegistry } from './table-registry.js';

/**
 * What a branch puts into its own queue for a block: every event under its id, most of them as they came. The rows of
 * a table whose handler says so are handed on as this node has them, in whatever state the table is here.
 *
 * Throws what keeps such a row from being rewritten: it must not be handed on then.
 */
export async function forwardedEvents(
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
