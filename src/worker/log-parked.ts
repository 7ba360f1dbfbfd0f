import type { TableLeftOut } from '../apply/block-writer.js';
import type { TableConflict } from '../apply/plan-block.js';
import type { Logger } from '../runtime/log.js';

/** Logs that a table is set aside, and what it takes to have it back. */
export function logParked(log: Logger, kind: 'parked' | 'waiting', conflict: TableConflict): void {
  const { queueTable, eventId, code, key, message } = conflict;
  const facts = { table: queueTable, event: eventId, code, key };
  if (kind === 'parked') {
    log.error(facts, `Table parked: ${message} Run "resync ${queueTable}" to copy it anew.`);
  } else {
    log.error(facts, `Table waits: ${message} Nothing is lost: it goes on when it fits its events.`);
  }
}

/** Logs what was passed over of one batch's changes of a table. */
export function logLeftOut(log: Logger, { queueTable, count, eventId, key }: TableLeftOut): void {
  log.warn(
    { table: queueTable, changes: count, event: eventId, key },
    'Changes left out: their rows are not here',
  );
}
