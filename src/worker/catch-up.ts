import type { TableConflict } from '../apply/plan-block.js';
import { PARKED_LOCK_CLASS, parkedLockText } from '../cascade/parked-lock-key.js';
import type { Connection } from '../db/connection.js';
import { limitsUpTo, nextBatch } from '../queue/batches.js';
import { assertNotDropped } from '../queue/dropped-consumer.js';
import type { TickId } from '../queue/ids.js';
import { copyConsumerName } from './copy-consumer-name.js';
import { logLeftOut } from './log-parked.js';
import { openProvider } from './open-provider.js';
import { processBatch } from './process-batch.js';
import { isWaiting, type TableRegistry } from './table-registry.js';
import { lockTableStates, setTableStates } from './table-state.js';
import { readResumePoint } from './waiting-tables.js';
import type { WorkerOptions } from './worker-options.js';

export interface CatchUpPorts {
  readonly options: WorkerOptions;
  readonly provider: Connection;
  readonly providerLocation: string;
  readonly subscriber: Connection;
  readonly registry: TableRegistry;
  /** Some of the rows are still to be copied: a row that changes may be missing. */
  readonly isHalfCopied?: true | undefined;
  readonly signal: AbortSignal;
}

/** Where a catch-up ended: at a tick, or with the table parked; it may wait there for another shape. */
export type CatchUpOutcome =
  | { readonly kind: 'reached'; readonly tick: TickId }
  | { readonly kind: 'parked' | 'waiting'; readonly conflict: TableConflict };

/**
 * Applies one table's events from `position` on, many ticks at a time, until it stands at `until()`.
 * Each batch is exactly once, as the worker's own; when the table does not fit an event, it waits there. May be repeated after a crash from the recorded position.
 */
export async function catchUp(
  ports: CatchUpPorts,
  tableName: string,
  position: TickId,
  until: () => TickId,
): Promise<CatchUpOutcome> {
  const { options } = ports;
  const consumerName = copyConsumerName(options.consumerName, tableName);
  let tick = position;
  // A provider that is new to this node does not know the copy's consumer.
  const [registered] = await ports.provider.query('select 1 from pgq.get_consumer_info($1, $2)', [
    options.queueName,
    consumerName,
  ]);
  if (registered === undefined && tick < until()) {
    // One that has dropped it for holding back too much is not asked to hold the same back again.
    await assertNotDropped(ports.provider, options.queueName, consumerName);
    await ports.provider.query('select pgq.register_consumer_at($1, $2, $3)', [
      options.queueName,
      consumerName,
      position,
    ]);
  }
  const resumeAt = await readResumePoint(ports.subscriber, options.queueName, tableName);
  let oneByOneUntil: TickId | undefined;
  for (let goal = until(); tick < goal; goal = until()) {
    ports.signal.throwIfAborted();
    await ports.registry.prepareHandlers(ports.provider, (name) => name === tableName);
    const isOneTick =
      goal - tick <= 1n || tick === resumeAt?.tick || (oneByOneUntil !== undefined && tick < oneByOneUntil);
    const limits = isOneTick ? {} : await limitsUpTo(ports.provider, options.queueName, tick, goal);
    const batch = await nextBatch(ports.provider, options.queueName, consumerName, limits);
    if (batch === undefined) break;
    const outcome = await processBatch(
      {
        provider: ports.provider,
        openProvider: () =>
          openProvider(options, ports.providerLocation, {
            application: `large-rows/${consumerName}`,
            signal: ports.signal,
          }),
        subscriber: ports.subscriber,
        consumerName,
        registry: ports.registry,
        reading: {
          maxBlockRows: options.maxBlockRows,
          maxBlockBytes: options.maxBlockBytes,
          onlyTable: tableName,
        },
        bulkRows: options.bulkRows,
        isApplied: (name) => name === tableName,
        controlEvents: false,
        isHalfCopied: ports.isHalfCopied,
        waits: { consumerOf: () => consumerName, providerNode: undefined },
        resumeAt,
        log: options.log,
        signal: ports.signal,
      },
      batch,
    );
    if (outcome === undefined) {
      oneByOneUntil = batch.endTick;
      continue;
    }
    for (const leftOut of outcome.leftOut) logLeftOut(options.log, leftOut);
    const [conflict] = outcome.conflicts;
    if (conflict !== undefined) return { kind: 'parked', conflict };
    const [waiting] = outcome.waiting;
    if (waiting !== undefined) return { kind: 'waiting', conflict: waiting };
    tick = batch.endTick;
  }
  return { kind: 'reached', tick };
}

/**
 * Makes tables the worker's own: state `ok`, their copies' consumers gone. Each must stand exactly at the tick that the worker has
 * completed. Returns those that were neither reset nor removed meanwhile; with the others nothing is done. After a
 * crash half-way the provider's consumers are left; `dropStaleConsumers` finds them.
 */
export async function handOver(
  { options, provider, subscriber }: Pick<CatchUpPorts, 'options' | 'provider' | 'subscriber'>,
  tableNames: readonly string[],
): Promise<readonly string[]> {
  const { queueName, consumerName } = options;
  const consumersOf = (names: readonly string[]) => names.map((name) => copyConsumerName(consumerName, name));
  const handedOver = await subscriber.transaction(async (tx) => {
    const states = await lockTableStates(tx, queueName, tableNames);
    const names = [...states].filter(([, { mergeState }]) => mergeState !== null).map(([name]) => name);
    await setTableStates(tx, queueName, names, 'ok');
    await tx.query('select pgq_node.unregister_consumer($1, c.name) from unnest($2::text[]) as c(name)', [
      queueName,
      consumersOf(names),
    ]);
    await tx.query('delete from pgcascade.waiting_table where queue_name = $1 and table_name = any ($2)', [
      queueName,
      names,
    ]);
    return names;
  });
  await provider.query('select pgq.unregister_consumer($1, c.name) from unnest($2::text[]) as c(name)', [
    queueName,
    consumersOf(handedOver),
  ]);
  return handedOver;
}

/**
 * Unregisters the copy consumers on the provider whose tables need them no more: they would hold back the queue. Those
 * of tables that are being worked on, here or by a repair, stay.
 */
export async function dropStaleConsumers(
  ports: Pick<CatchUpPorts, 'options' | 'provider' | 'registry'>,
  isBusy: (tableName: string) => boolean,
): Promise<void> {
  const { queueName, consumerName } = ports.options;
  const prefix = copyConsumerName(consumerName, '');
  const consumers = await ports.provider.query<{ consumer_name: string }>(
    'select consumer_name from pgq.get_consumer_info($1) where left(consumer_name, length($2)) = $2',
    [queueName, prefix],
  );
  for (const { consumer_name: name } of consumers) {
    const tableName = name.slice(prefix.length);
    const table = ports.registry.find(tableName);
    const isNeeded =
      table?.local === true && table.mergeState !== 'ok' && (table.errorCode === null || isWaiting(table));
    if (isNeeded || isBusy(tableName)) continue;
    await ports.provider.query(
      `select case when pg_try_advisory_xact_lock($3, hashtext($4)) then pgq.unregister_consumer($1, $2) end`,
      [queueName, name, PARKED_LOCK_CLASS, parkedLockText(queueName, name)],
    );
  }
}
