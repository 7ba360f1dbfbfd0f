import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { QueueEvent } from '../queue/event.js';
import type { TickId } from '../queue/ids.js';
import { copyConsumerName } from './copy-consumer-name.js';

/** The rows of a table (ev_data) have changed on the root otherwise than by events. Ours, from a combined queue's root. */
export const COPY_ANEW = 'pgcascade.copy-anew';

/** Whose batch the event is in. */
export interface ControlEventContext {
  readonly consumerName: string;
  readonly endTick: TickId;
  /** Called with a table none of whose later events in the batch are to be applied. */
  readonly leaveOut: (tableName: string) => void;
}

/** The type of an event that carries a script. */
export const SCRIPT_EVENT = 'EXECUTE';

/** True for the events that change the cascade, the list of tables or the schema; all others are rows and TRUNCATEs. */
export function isControlEvent(event: QueueEvent): boolean {
  const { type } = event;
  return (
    type.startsWith('pgq.') || type.startsWith('londiste.') || type === COPY_ANEW || type === SCRIPT_EVENT
  );
}

/**
 * Applies one control event in the batch's transaction; scripts are for `applyScript`. May be repeated with it.
 *
 * Throws PC404 for an event that this version does not know: going on could mean a change that is missed.
 */
export async function applyControlEvent(
  tx: Connection,
  queueName: string,
  event: QueueEvent,
  context: ControlEventContext,
): Promise<void> {
  const { type, data, extra1, extra2, extra3 } = event;
  switch (type) {
    case 'pgq.location-info':
      await tx.query('select ret_code from pgq_node.register_location($1, $2, $3, $4::boolean)', [
        queueName,
        data,
        extra2,
        extra3 ?? 'false',
      ]);
      return;
    case 'pgq.unregister-location':
      await tx.query('select ret_code from pgq_node.unregister_location($1, $2)', [queueName, data]);
      return;
    case 'pgq.global-watermark':
      // Moves the queue of a branch; a leaf has none, and says so.
      await tx.query('select ret_code from pgq_node.set_global_watermark($1, $2::bigint)', [queueName, data]);
      return;
    case 'pgq.tick-id':
      // Moves the leaf of the part queue beside a branch; other nodes have none, and say so.
      await tx.query('select ret_code from pgq_node.set_partition_watermark($1, $2, $3::bigint)', [
        queueName,
        extra1,
        data,
      ]);
      return;
    case COPY_ANEW:
      await copyAnew(tx, queueName, data ?? '', context);
      return;
    case 'londiste.add-table':
      await tx.query('select ret_code from londiste.global_add_table($1, $2)', [queueName, data]);
      return;
    case 'londiste.remove-table':
      await tx.query('select ret_code from londiste.global_remove_table($1, $2)', [queueName, data]);
      return;
    case 'londiste.update-seq':
      await tx.query('select ret_code from londiste.global_update_seq($1, $2, $3::bigint)', [
        queueName,
        extra1,
        data,
      ]);
      return;
    case 'londiste.remove-seq':
      await tx.query('select ret_code from londiste.global_remove_seq($1, $2)', [queueName, extra1]);
      return;
    default:
      throw new ReplicateError(
        'PC404',
        `Event ${event.id} of queue "${queueName}" has the unknown type "${type}".`,
        {
          event: event.id,
        },
      );
  }
}

/** Has the table copied again, unless it has been copied as of this batch or later. A parked one stays parked. */
async function copyAnew(
  tx: Connection,
  queueName: string,
  tableName: string,
  { consumerName, endTick, leaveOut }: ControlEventContext,
): Promise<void> {
  leaveOut(tableName);
  await tx.query(
    `select londiste.local_set_table_state(t.queue_name, t.table_name, null, null)
       from londiste.table_info as t
      where t.queue_name = $1
        and t.table_name = $2
        and t.local
        and t.merge_state is not null
        and not exists (
            select from pgq_node.local_state as s
             where s.queue_name = t.queue_name
               and s.consumer_name = $3
               and s.last_tick_id >= $4)`,
    [queueName, tableName, copyConsumerName(consumerName, tableName), endTick],
  );
}
