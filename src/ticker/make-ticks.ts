import type { Connection } from '../db/connection.js';
import { TICK_CHANNEL } from '../queue/tick-channel.js';

/**
 * Makes the ticks that are due in all queues of the database and wakes the workers that listen, in one transaction and
 * one round trip. Returns the number of ticks made. Safe to repeat: a tick that is not due is not made.
 */
export async function makeTicks(connection: Connection): Promise<number> {
  // `offset 0` keeps pgq.ticker() from being called once for each place where its result is used.
  const { ticks } = await connection.one<{ ticks: number }>(`
    select made.ticks::int4 as ticks,
           case when made.ticks > 0 then pg_catalog.pg_notify('${TICK_CHANNEL}', '') end as notified
      from (select coalesce(pgq.ticker(), 0) as ticks offset 0) as made`);
  return ticks;
}
