import type { Connection } from '../db/connection.js';
import type { QueueEvent } from '../queue/event.js';
import { applyBlock } from './apply-block.js';
import { loadTargetTable } from './load-target-table.js';

/**
 * Writes events of one table in the open transaction, as `applyBlock`. Returns why one of them cannot be written, and then none
 * of them is; undefined when all are. Throws PC403 and PC406 for what is no table, and what `applyBlock` throws.
 */
export async function applyToTable(
  tx: Connection,
  queueTable: string,
  destTable: string,
  events: readonly QueueEvent[],
): Promise<string | undefined> {
  const target = await loadTargetTable(tx, queueTable, destTable);
  const { conflicts } = await applyBlock({ tx, tableOf: () => target }, events);
  return conflicts[0]?.message;
}
