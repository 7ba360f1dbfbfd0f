import type { Connection } from '../db/connection.js';

/**
 * Puts the events that are due for another attempt back into their queues, a bounded number per transaction, until
 * there are none. Returns how many. Safe to repeat.
 */
export async function retryEvents(connection: Pick<Connection, 'one'>, signal: AbortSignal): Promise<number> {
  let total = 0;
  while (!signal.aborted) {
    const { moved } = await connection.one<{ moved: number }>(
      'select r::int4 as moved from pgq.maint_retry_events() as r',
    );
    if (moved === 0) break;
    total += moved;
  }
  return total;
}
