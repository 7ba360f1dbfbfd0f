import { PARKED_LOCK_CLASS, parkedLockText } from '../cascade/parked-lock-key.js';
import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { forgetDropped } from '../queue/dropped-consumer.js';
import type { TickId } from '../queue/ids.js';
import { beginReplication } from '../replica/begin-replication.js';
import { failpoint } from '../runtime/failpoint.js';
import { compareTable } from './compare-table.js';
import { planTables, type UnionPlan } from './plan-tables.js';
import type { RepairItem, TableRepair } from './repair-rows.js';
import {
  assertNoneActs,
  type RepairOptions,
  type RepairPorts,
  readAttributes,
  repairRun,
  whyItActs,
  whyNot,
} from './repair-tables.js';
import { openSnapshotPair, type SnapshotPair } from './snapshot-pair.js';

const READERS = 2;
const CHUNK_ROWS = 10_000;
const LOCK_MS = 10_000;
/** Longer than for other tables, since rows are read meanwhile: only a resync of this one waits. */
const IDLE_MS = 600_000;

export interface RepairParkedPorts extends RepairPorts {
  /** The consumer by which a table catches up, on the provider. */
  readonly copyConsumer: (tableName: string) => string;
}

export interface RepairParkedOptions extends RepairOptions {
  /** Differences that are repaired at most; with more the table stays parked. */
  readonly maxDifferences: number;
}

/**
 * Makes the rows of a parked table those of the provider at a tick and has it go on from there: its events since that tick
 * are applied as after a copy. Nothing stands still meanwhile: nobody writes a parked table. It is compared before anything is
 * locked; what was parked must be parked still, for the same reason, when it is written.
 *
 * Rows, state and position are one transaction on this node: after a crash the table is parked as before, and the call may
 * be repeated; a consumer that is left on the provider is taken back by the worker. A refusal leaves it parked too, with
 * nothing written.
 */
export async function repairParked(
  ports: RepairParkedPorts,
  options: RepairParkedOptions,
  tableName: string,
): Promise<TableRepair> {
  const { queueName } = options;
  await using writer = await ports.openWriter();
  await using provider = await ports.connectProvider();
  try {
    const reason = await readReason(writer, queueName, tableName);
    const attrs = (await readAttributes(writer, queueName)).get(tableName) ?? null;
    await using pair = await openSnapshotPair(ports, { ...options, jobs: READERS });
    const found = await findDifferences(pair, ports, options, { tableName, attrs });
    const consumer = ports.copyConsumer(tableName);
    // Held as long as the session: the worker and another repair leave the consumer alone.
    await provider.query("select set_config('lock_timeout', $1, false)", [`${LOCK_MS}ms`]);
    await provider.query('select pg_advisory_lock($1, hashtext($2))', [
      PARKED_LOCK_CLASS,
      parkedLockText(queueName, consumer),
    ]);
    return await writer.transaction((tx) =>
      writeAt(pair, ports, options, { tx, provider, consumer, tableName, reason, attrs, ...found }),
    );
  } catch (error) {
    if (error instanceof Refused) return { inserted: 0, updated: 0, deleted: 0, refusals: error.reasons };
    throw error;
  }
}

class Refused extends Error {
  readonly reasons: readonly string[];
  constructor(reasons: readonly string[]) {
    super(reasons.join(' '));
    this.reasons = reasons;
  }
}

/** What tells one parking of a table from another; undefined when it is not parked. */
async function readReason(
  connection: Connection,
  queueName: string,
  tableName: string,
): Promise<string | undefined> {
  const [row] = await connection.query<{ reason: string }>(
    'select concat_ws($3, tick_id, event_id, happened_at) as reason from pgcascade.table_error where queue_name = $1 and table_name = $2',
    [queueName, tableName, ' '],
  );
  return row?.reason;
}

interface Found {
  readonly plan: UnionPlan;
  readonly items: readonly RepairItem[];
}

/** All that differs, in the snapshots of the pair. Throws Refused when the table cannot be repaired. */
async function findDifferences(
  pair: SnapshotPair,
  ports: RepairParkedPorts,
  options: RepairParkedOptions,
  { tableName, attrs }: { readonly tableName: string; readonly attrs: string | null },
): Promise<Found> {
  const { handlers } = options;
  const [plan] = await planTables(pair, ports, { ...options, tableNames: [tableName], takesParked: true });
  const refused = whyNot(plan, { attrs, handlers });
  if (refused !== undefined) throw new Refused([refused]);
  if (plan === undefined || !('sides' in plan)) throw new RangeError('A table without a plan is refused.');
  if (plan.otherSources !== undefined && plan.otherSources.length > 0) {
    throw new Refused(['Several queues feed it: resync it.']);
  }
  const items: RepairItem[] = [];
  const { verdict } = await compareTable(plan, {
    readers: pair.readers,
    countOnly: false,
    chunkRows: CHUNK_ROWS,
    signal: options.signal,
    differences: {
      most: options.maxDifferences,
      sink: async (found) => {
        for (const { kind, key, rowHash } of found) {
          items.push({ tableName, kind, key, rowHash } as RepairItem);
        }
      },
    },
  });
  if (verdict.kind === 'not checked') throw new Refused([verdict.reason]);
  if (verdict.kind === 'different' && verdict.differences?.isComplete !== true) {
    throw new Refused([`More than ${options.maxDifferences} rows differ: resync it.`]);
  }
  return { plan, items: items.toSorted((a, b) => Number(b.kind === 'extra') - Number(a.kind === 'extra')) };
}

interface Writing extends Found {
  readonly tx: Connection;
  readonly provider: Connection;
  readonly consumer: string;
  readonly tableName: string;
  readonly reason: string | undefined;
  readonly attrs: string | null;
}

async function writeAt(
  pair: SnapshotPair,
  ports: RepairParkedPorts,
  options: RepairParkedOptions,
  { tx, provider, consumer, tableName, reason, attrs, plan, items }: Writing,
): Promise<TableRepair> {
  const { queueName, handlers } = options;
  const { tick } = pair;
  await tx.execute(`set local idle_in_transaction_session_timeout = ${IDLE_MS}`);
  const triggersAct = await beginReplication(tx);
  const { parked } = await tx.one<{ parked: boolean }>('select pgcascade.lock_parked($1, $2) as parked', [
    queueName,
    tableName,
  ]);
  if (!parked) throw new Refused(['It is not parked any more.']);
  const isSame =
    (await readReason(tx, queueName, tableName)) === reason &&
    ((await readAttributes(tx, queueName)).get(tableName) ?? null) === attrs;
  if (!isSame)
    throw new Refused(['It was taken up and parked again meanwhile, or is replicated in another way.']);
  const destTables = [plan.sides.subscriber.shape.destTable];
  const acting = triggersAct ? await whyItActs(tx, destTables) : undefined;
  if (acting !== undefined) throw new Refused([acting]);
  // From here on the table is ours: no copy can begin, whose consumer has the same name.
  const isNew = await register(provider, queueName, consumer, tick);
  try {
    const written = await repairRun(plan, pair, items, {
      tx,
      queueName,
      tick,
      attrs,
      handlers,
      applyToTable: ports.applyToTable,
      triggersAct,
      seen: new Set(),
    });
    if (written.refusals.length > 0) throw new Refused(written.refusals);
    if (triggersAct) await assertNoneActs(tx, destTables);
    await failpoint('repair-parked-written');
    // One that was dropped meanwhile, by the queue's budget, is there again, or the tick is gone and nothing happens.
    await register(provider, queueName, consumer, tick);
    await forgetDropped(provider, queueName, consumer);
    await tx.query('select pgcascade.catch_up_from($1, $2, $3)', [queueName, tableName, tick]);
    return written;
  } catch (error) {
    // The table is locked as long as the session lives: nobody else can have made use of the name.
    if (isNew && tx.isOpen && provider.isOpen) {
      await provider.query('select pgq.unregister_consumer($1, $2)', [queueName, consumer]);
    }
    throw error;
  }
}

/** The provider keeps the events from the tick on. False when the consumer was there. Throws Refused when the tick is gone. */
async function register(
  provider: Connection,
  queueName: string,
  consumer: string,
  tick: TickId,
): Promise<boolean> {
  try {
    const { registered } = await provider.one<{ registered: number }>(
      'select pgq.register_consumer_at($1, $2, $3) as registered',
      [queueName, consumer, tick],
    );
    return registered === 1;
  } catch (error) {
    if (sqlstateOf(error) !== SQLSTATE.raisedException) throw error;
    throw new Refused([
      `The provider does not keep the events since tick ${tick}: ${(error as Error).message}.`,
    ]);
  }
}
