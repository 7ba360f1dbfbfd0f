import type { Connection } from '../db/connection.js';
import { forgetDropped } from '../queue/dropped-consumer.js';
import { beginReplication } from '../replica/begin-replication.js';
import { compareTable } from './compare-table.js';
import { planTables } from './plan-tables.js';
import type { RepairItem, TableRepair } from './repair-rows.js';
import { type RepairOptions, type RepairPorts, readAttributes, repairRun, whyNot } from './repair-tables.js';
import { openSnapshotPair, type SnapshotPair } from './snapshot-pair.js';

const READERS = 2;
const CHUNK_ROWS = 10_000;

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
 * are applied as after a copy. Nothing stands still meanwhile: nobody writes a parked table.
 *
 * Rows, state and position are one transaction on this node: after a crash the table is parked as before, and the call may
 * be repeated. A refusal leaves it parked too, with nothing written.
 */
export async function repairParked(
  ports: RepairParkedPorts,
  options: RepairParkedOptions,
  tableName: string,
): Promise<TableRepair> {
  const { queueName } = options;
  await using writer = await ports.openWriter();
  await using provider = await ports.connectProvider();
  await using pair = await openSnapshotPair(ports, { ...options, jobs: READERS });
  const consumer = ports.copyConsumer(tableName);
  // The provider keeps the events from here on.
  await provider.query('select pgq.register_consumer_at($1, $2, $3)', [queueName, consumer, pair.tick]);
  await forgetDropped(provider, queueName, consumer);
  let repair: TableRepair | undefined;
  try {
    repair = await writer.transaction((tx) => writeAt(pair, ports, options, tx, tableName));
    return repair;
  } catch (error) {
    if (error instanceof Refused) return { inserted: 0, updated: 0, deleted: 0, refusals: error.reasons };
    throw error;
  } finally {
    // The commit may have come through with its answer lost: then the worker still needs the consumer, and ends it.
    if (repair === undefined && writer.isOpen) {
      await provider.query('select pgq.unregister_consumer($1, $2)', [queueName, consumer]);
    }
  }
}

class Refused extends Error {
  readonly reasons: readonly string[];
  constructor(reasons: readonly string[]) {
    super(reasons.join(' '));
    this.reasons = reasons;
  }
}

async function writeAt(
  pair: SnapshotPair,
  ports: RepairParkedPorts,
  options: RepairParkedOptions,
  tx: Connection,
  tableName: string,
): Promise<TableRepair> {
  const { queueName, handlers } = options;
  await beginReplication(tx);
  const { parked } = await tx.one<{ parked: boolean }>('select pgcascade.lock_parked($1, $2) as parked', [
    queueName,
    tableName,
  ]);
  if (!parked) throw new Refused(['It is not parked any more.']);
  const attrs = (await readAttributes(tx, queueName)).get(tableName) ?? null;
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
  const inOrder = items.toSorted((a, b) => Number(b.kind === 'extra') - Number(a.kind === 'extra'));
  const { tick } = pair;
  const written = await repairRun(plan, pair, inOrder, {
    tx,
    queueName,
    tick,
    attrs,
    handlers,
    applyToTable: ports.applyToTable,
    seen: new Set(),
  });
  if (written.refusals.length > 0) throw new Refused(written.refusals);
  await tx.query('select pgcascade.catch_up_from($1, $2, $3)', [queueName, tableName, tick]);
  return written;
}
