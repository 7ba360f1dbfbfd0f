import { callRoutine } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import type { TickId } from '../queue/ids.js';

/** How far a position is behind the root. */
export interface Lag {
  /** Age of the oldest event that can be missing; 0 when none is. */
  readonly seconds: number;
  readonly events: bigint;
}

/** The lag of each tick, measured on the root. A tick that the root has removed already is left out. */
export async function readLags(
  root: Connection,
  queueName: string,
  ticks: readonly TickId[],
): Promise<ReadonlyMap<TickId, Lag>> {
  const rows = await callRoutine<{ tick_id: TickId; events: bigint; seconds: number }>(
    root,
    `select t.tick_id,
            (newest.tick_event_seq - t.tick_event_seq + i.ev_new)::int8 as events,
            case when t.tick_id = newest.tick_id and i.ev_new = 0
                 then 0
                 else extract(epoch from clock_timestamp() - t.tick_time)
            end::float8 as seconds
       from pgq.queue as q
       cross join lateral (select coalesce(r.ev_new, 0) as ev_new, r.last_tick_id
                             from pgq.get_queue_info(q.queue_name) as r) as i
       join pgq.tick as newest on newest.tick_queue = q.queue_id and newest.tick_id = i.last_tick_id
       join pgq.tick as t on t.tick_queue = q.queue_id and t.tick_id = any ($2::int8[])
      where q.queue_name = $1`,
    [queueName, ticks],
  );
  return new Map(
    rows.map((row) => [
      row.tick_id,
      { seconds: Math.max(0, row.seconds), events: row.events < 0n ? 0n : row.events },
    ]),
  );
}
