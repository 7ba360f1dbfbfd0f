import { callRoutine } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import type { TickId } from '../queue/ids.js';

/** How far a position is behind the root. */
export interface Lag {
  /** Age of what is missing, at most; 0 when nothing is. */
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
            e.events,
            case when t.tick_id = i.last_tick_id and e.events = 0
                 then 0
                 -- Ticks alone are missing: as long as the first of them is there.
                 when e.events = 0
                 then extract(epoch from clock_timestamp() - next.tick_time)
                 else extract(epoch from clock_timestamp() - t.tick_time)
            end::float8 as seconds
       from pgq.queue as q
       cross join lateral pgq.get_queue_info(q.queue_name) as i
       join pgq.tick as newest on newest.tick_queue = q.queue_id and newest.tick_id = i.last_tick_id
       join pgq.tick as t on t.tick_queue = q.queue_id and t.tick_id = any ($2::int8[])
      cross join lateral (
          select greatest(0, newest.tick_event_seq - t.tick_event_seq + coalesce(i.ev_new, 0))::int8 as events
      ) as e
       left join lateral (
          select n.tick_time
            from pgq.tick as n
           where n.tick_queue = q.queue_id
             and n.tick_id > t.tick_id
           order by n.tick_id
           limit 1
      ) as next on true
      where q.queue_name = $1`,
    [queueName, ticks],
  );
  return new Map(rows.map((row) => [row.tick_id, { seconds: Math.max(0, row.seconds), events: row.events }]));
}
