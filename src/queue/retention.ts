import type { Connection } from '../db/connection.js';
import { type TickId, tickId } from './ids.js';

/** What the ticker does with a consumer that holds back more than the queue's budget. */
export type OnExceed = 'warn' | 'drop';

/** How much one consumer may hold back; a null is no limit. */
export interface QueueBudget {
  readonly maxEvents: bigint | null;
  readonly maxBytes: bigint | null;
  readonly action: OnExceed;
}

/** How much one consumer of a queue holds back. */
export interface Retention {
  readonly consumer: string;
  /** The node whose worker or watermark it is. */
  readonly node: string | null;
  /** Its position is derived from those of others: it cannot be dropped. */
  readonly isSystem: boolean;
  readonly lastTick: TickId;
  readonly lagSeconds: number;
  readonly events: bigint;
  readonly bytes: bigint;
  /** Of the budget's nearest limit; 1 is all of it. Null without a budget. */
  readonly share: number | null;
  /** The event tables cannot be rotated again before it goes on. */
  readonly holdsRotation: boolean;
}

/** A consumer that lost events: the ticker unregistered it because it was over the budget. */
export interface DroppedConsumer {
  readonly consumer: string;
  readonly node: string | null;
  readonly lastTick: TickId;
  readonly droppedAt: string;
  readonly reason: string;
}

/** What all consumers of the queue hold back, by name. Needs schema pgcascade (see `hasRetention`). */
export async function readRetention(connection: Connection, queueName: string): Promise<Retention[]> {
  const rows = await connection.query<{
    consumer_name: string;
    node_name: string | null;
    is_system: boolean;
    last_tick: bigint;
    lag: number;
    pending_events: bigint;
    held_bytes: bigint;
    share: number | null;
    holds_rotation: boolean;
  }>(
    `select consumer_name, node_name, is_system, last_tick, extract(epoch from lag)::float8 as lag,
            pending_events, held_bytes, share, holds_rotation
       from pgcascade.queue_retention($1)`,
    [queueName],
  );
  return rows.map((row) => ({
    consumer: row.consumer_name,
    node: row.node_name,
    isSystem: row.is_system,
    lastTick: tickId(row.last_tick),
    lagSeconds: row.lag,
    events: row.pending_events,
    bytes: row.held_bytes,
    share: row.share,
    holdsRotation: row.holds_rotation,
  }));
}

/** The budgets of the queues of the database, by the queue's name; also those of queues that are gone. */
export async function readBudgets(connection: Connection): Promise<ReadonlyMap<string, QueueBudget>> {
  const rows = await connection.query<{
    queue_name: string;
    max_events: bigint | null;
    max_bytes: bigint | null;
    action: OnExceed;
  }>(
    `select queue_name, max_events, max_bytes, action
       from pgcascade.queue_budget
      order by queue_name`,
  );
  return new Map(
    rows.map((row) => [
      row.queue_name,
      { maxEvents: row.max_events, maxBytes: row.max_bytes, action: row.action },
    ]),
  );
}

/** Sets the budget of a queue; without any limit it is taken away. Throws the server's PC302 without such a queue. */
export async function setBudget(
  connection: Connection,
  queueName: string,
  budget: QueueBudget,
): Promise<void> {
  await connection.query('select pgcascade.set_queue_budget($1, $2, $3, $4)', [
    queueName,
    budget.maxEvents,
    budget.maxBytes,
    budget.action,
  ]);
}

/** Unregisters a consumer that is over a budget with action `drop`. False when nothing was done. May be repeated. */
export async function dropOverBudget(
  connection: Connection,
  queueName: string,
  consumer: string,
): Promise<boolean> {
  const { dropped } = await connection.one<{ dropped: boolean }>(
    'select pgcascade.drop_over_budget($1, $2) as dropped',
    [queueName, consumer],
  );
  return dropped;
}

/**
 * True when the database has the tables and routines of retention and this role may use them. A database whose
 * schema pgcascade is missing or older has neither budgets nor dropped consumers.
 */
export async function hasRetention(connection: Connection): Promise<boolean> {
  const { has } = await connection.one<{ has: boolean | null }>(`
    select pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('pgcascade.queue_retention(text)')::oid, 'execute')
       and pg_catalog.has_table_privilege(pg_catalog.to_regclass('pgcascade.dropped_consumer')::oid, 'select') as has`);
  return has === true;
}

/** The consumers of the queue that were dropped and whose events nobody has made up for. Needs `hasRetention`. */
export async function readDropped(connection: Connection, queueName: string): Promise<DroppedConsumer[]> {
  const rows = await connection.query<{
    consumer_name: string;
    node_name: string | null;
    last_tick: bigint;
    dropped_at: string;
    reason: string;
  }>(
    `select consumer_name, node_name, last_tick, dropped_at, reason
       from pgcascade.dropped_consumer
      where queue_name = $1
      order by consumer_name`,
    [queueName],
  );
  return rows.map((row) => ({
    consumer: row.consumer_name,
    node: row.node_name,
    lastTick: tickId(row.last_tick),
    droppedAt: row.dropped_at,
    reason: row.reason,
  }));
}
