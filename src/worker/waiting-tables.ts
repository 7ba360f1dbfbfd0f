import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { assertNotDropped } from '../queue/dropped-consumer.js';
import { eventId, tickId } from '../queue/ids.js';
import { copyConsumerName } from './copy-consumer-name.js';
import type { ResumePoint } from './shape-conflicts.js';
import type { TableRegistry } from './table-registry.js';
import type { WorkerState } from './worker-state.js';

/** A waiting table that has changed: it catches up, or is copied anew because another table has its name now. */
export interface ChangedTable extends Record<string, unknown> {
  readonly table_name: string;
  readonly is_anew: boolean;
}

/** Takes up the waiting tables that have changed since they did not fit. May be repeated. */
export async function takeUpChanged(subscriber: Connection, queueName: string): Promise<ChangedTable[]> {
  return subscriber.query<ChangedTable>('select * from pgcascade.take_up_changed($1)', [queueName]);
}

/** Where a table that has waited goes on; undefined when it has not. */
export async function readResumePoint(
  subscriber: Connection,
  queueName: string,
  tableName: string,
): Promise<ResumePoint | undefined> {
  const [row] = await subscriber.query<{ tick_id: bigint; event_id: bigint }>(
    'select tick_id, event_id from pgcascade.waiting_table where queue_name = $1 and table_name = $2',
    [queueName, tableName],
  );
  return row === undefined ? undefined : { tick: tickId(row.tick_id), event: eventId(row.event_id) };
}

export interface HoldPorts {
  readonly provider: Connection;
  readonly subscriber: Connection;
  readonly registry: TableRegistry;
}

/** A waiting table whose events the provider does not hold any more, and what became of it. */
export interface LostTable {
  readonly tableName: string;
  readonly outcome: 'copied anew' | 'parked';
}

/**
 * Makes sure that the provider holds the events of the waiting tables; one that is new to this node does not know of them. A table
 * whose events it does not have is to be copied anew; one whose consumer it has dropped for holding back too much is parked with
 * PC606. May be repeated.
 */
export async function holdWaiting(
  ports: HoldPorts,
  { queueName, consumerName }: { readonly queueName: string; readonly consumerName: string },
  state: WorkerState,
): Promise<LostTable[]> {
  const lost: LostTable[] = [];
  for (const { tableName } of ports.registry.waiting) {
    const consumer = copyConsumerName(consumerName, tableName);
    try {
      if (await isHeld(ports, queueName, consumer, state)) continue;
      await ports.subscriber.query('select pgcascade.copy_waiting_anew($1, $2)', [queueName, tableName]);
      lost.push({ tableName, outcome: 'copied anew' });
    } catch (error) {
      if (!(error instanceof ReplicateError) || error.code !== 'PC606') throw error;
      await ports.subscriber.query(
        `update pgcascade.table_error set error_code = 'PC606', message = $3
          where queue_name = $1 and table_name = $2 and error_code = 'PC403'`,
        [queueName, tableName, error.message],
      );
      lost.push({ tableName, outcome: 'parked' });
    }
  }
  return lost;
}

/** False when the provider does not have the events after the consumer's position. Throws PC606 when it has dropped the consumer. */
async function isHeld(
  { provider, subscriber }: HoldPorts,
  queueName: string,
  consumer: string,
  state: WorkerState,
): Promise<boolean> {
  await assertNotDropped(provider, queueName, consumer);
  const { provider_node: readsFrom, completed_tick: position } = await subscriber.one<{
    provider_node: string | null;
    completed_tick: bigint | null;
  }>('select provider_node, completed_tick from pgq_node.get_consumer_state($1, $2)', [queueName, consumer]);
  if (position === null) return false;
  const [registered] = await provider.query('select 1 from pgq.get_consumer_info($1, $2)', [
    queueName,
    consumer,
  ]);
  if (registered === undefined) {
    const [tick] = await provider.query(
      `select 1 from pgq.tick as t join pgq.queue as q on q.queue_id = t.tick_queue
        where q.queue_name = $1 and t.tick_id = $2`,
      [queueName, position],
    );
    if (tick === undefined) return false;
    await provider.query('select pgq.register_consumer_at($1, $2, $3)', [queueName, consumer, position]);
  }
  if (readsFrom !== state.providerNode) {
    await subscriber.query('select pgq_node.register_consumer($1, $2, $3, $4)', [
      queueName,
      consumer,
      state.providerNode,
      position,
    ]);
  }
  return true;
}
