import type { Connection } from '../db/connection.js';
import { sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { HandlerSettings } from '../handlers/contract.js';
import { bindHandler } from '../handlers/registry.js';
import { isWholeTable } from '../handlers/row-selection.js';
import type { QueueEvent } from '../queue/event.js';
import type { TickId } from '../queue/ids.js';
import { cutBySize } from './cut-by-size.js';
import type { UnionPlan } from './plan-tables.js';
import type { ReaderPool } from './reader-pool.js';
import { planRepairs, type RowRepair, repairEvents, withoutUpdates } from './repair-events.js';
import { keyText } from './report.js';
import { type RowName, readNamedRows, readNamedSizes } from './rows-by-key.js';
import type { SnapshotPair } from './snapshot-pair.js';
import type { SidePlan } from './table-plan.js';

/** Names that are read at a time; those without a key all at once, for each look is one at the whole table. */
const CHUNK = 500;
/** Texts of rows that are read at a time, on both sides together; one row is read whatever its size. */
const CHUNK_BYTES = 16 * 1024 * 1024;
/** Rows without a key that are written at a time: one name may stand for any number of them. */
const ALIKE = 1_000;

/** A name of a table whose rows are to be made equal. */
export type RepairItem = RowName & {
  readonly tableName: string;
  readonly kind: 'changed' | 'missing' | 'extra';
};

export interface RepairedRows {
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** What has come of one table. */
export interface TableRepair extends RepairedRows {
  /** Why rows were left as they are: a sentence each. */
  readonly refusals: readonly string[];
}

/** A table whose repair the provider's plan and the handler allow; else why not. */
export function repairObstacle(
  plan: UnionPlan,
  attrs: string | null,
  settings: HandlerSettings,
): string | undefined {
  if (plan.missingColumns.length > 0) {
    return `The provider's columns ${plan.missingColumns.join(', ')} are missing on this node: add them, then resync it.`;
  }
  const handler = bindHandler(plan.tableName, attrs, settings);
  if (handler.takeOver !== undefined && !isWholeTable(handler.selection)) {
    return 'Its handler makes other rows of those of the provider: resync it.';
  }
  return undefined;
}

/** What a chunk of names asks for. */
export interface ReadRepairs {
  readonly repairs: readonly RowRepair[];
  /** Keys that stand for more than one row. */
  readonly unclear: readonly string[];
  readonly names: number;
}

/**
 * Reads what some names of one table stand for, on both sides, in chunks of a number of rows and of bytes; the plan's tick
 * is that of the pair.
 */
export async function* readRepairs(
  plan: UnionPlan,
  { readers }: Pick<SnapshotPair, 'readers'>,
  items: readonly RepairItem[],
  seen: Set<string> = new Set(),
): AsyncGenerator<ReadRepairs> {
  const chunk = plan.keyColumns.length > 0 ? CHUNK : Math.max(1, items.length);
  for (let from = 0; from < items.length; from += chunk) {
    const candidates = items.slice(from, from + chunk);
    const sizes = await onAllSides(plan, readers, (reader, side) =>
      readNamedSizes(reader, plan, side, candidates),
    );
    const bytes = candidates.map((_, at) =>
      [...sizes.provider, sizes.subscriber].reduce((sum, side) => sum + (side[at] ?? 0), 0),
    );
    for (const names of cutBySize(candidates, bytes, CHUNK_BYTES)) {
      const rows = await onAllSides(plan, readers, (reader, side) =>
        readNamedRows(reader, plan, side, names),
      );
      const sides = { provider: rows.provider.flat(), subscriber: rows.subscriber };
      const { repairs, unclear } = planRepairs(plan.tableName, names, sides, seen);
      yield { repairs, unclear: unclear.map((key) => keyText(key)), names: names.length };
    }
  }
}

/** Asks all sources and the subscriber at once. */
async function onAllSides<T>(
  plan: UnionPlan,
  readers: SnapshotPair['readers'],
  read: (reader: Connection, side: SidePlan) => Promise<T>,
): Promise<{ readonly provider: T[]; readonly subscriber: T }> {
  const ask = (pool: ReaderPool, side: SidePlan) => pool.use((reader) => read(reader, side));
  const sources = [{ plan: plan.sides.provider, readers: readers.provider }, ...(plan.otherSources ?? [])];
  const [provider, subscriber] = await Promise.all([
    Promise.all(sources.map((source) => ask(source.readers, source.plan))),
    ask(readers.subscriber, plan.sides.subscriber),
  ]);
  return { provider, subscriber };
}

/** `applyToTable` of src/apply. */
export type ApplyToTable = (
  tx: Connection,
  queueTable: string,
  destTable: string,
  events: readonly QueueEvent[],
) => Promise<string | undefined>;

export interface WriteRepairsPorts {
  readonly applyToTable: ApplyToTable;
  /** The open transaction on the subscriber, whose session is a replica. */
  readonly tx: Connection;
  readonly queueName: string;
  readonly tick: TickId;
  readonly attrs: string | null;
  readonly handlers: HandlerSettings;
  /** True when the session is none of a replica: see `beginReplication`. */
  readonly triggersAct: boolean;
}

/**
 * Writes repairs of one table in the open transaction, as if they had come by the queue: by the same statements, or
 * through the table's handler. What a table cannot take is a refusal, and nothing of that chunk is written.
 */
export class RepairWriter {
  readonly #ports: WriteRepairsPorts;
  readonly #plan: UnionPlan;
  readonly #done = { inserted: 0, updated: 0, deleted: 0 };
  readonly #refusals: string[] = [];

  constructor(plan: UnionPlan, ports: WriteRepairsPorts) {
    this.#plan = plan;
    this.#ports = ports;
  }

  get outcome(): TableRepair {
    return { ...this.#done, refusals: this.#refusals };
  }

  refuse(reason: string): void {
    this.#refusals.push(reason);
  }

  async write(repairs: readonly RowRepair[]): Promise<void> {
    const portion = this.#plan.keyColumns.length > 0 ? repairs.length : ALIKE;
    for (let from = 0; from < repairs.length; from += portion) {
      const next = repairs.slice(from, from + portion);
      // Copies of one row share its texts, but what is written of them does not.
      const runs = cutBySize(next, next.map(bytesWritten), CHUNK_BYTES);
      for (const run of runs) await this.#writePortion(run);
    }
  }

  async #writePortion(repairs: readonly RowRepair[]): Promise<void> {
    let failure = await this.#try(repairEvents(this.#plan, repairs));
    if (failure !== undefined && this.#mayReplaceRows()) {
      failure = await this.#try(repairEvents(this.#plan, withoutUpdates(repairs)));
    }
    if (failure !== undefined) {
      this.#refusals.push(failure);
      return;
    }
    for (const { kind } of repairs) this.#done[DONE[kind]]++;
  }

  /** Undefined when all is written. */
  async #try(events: readonly QueueEvent[]): Promise<string | undefined> {
    const { tx, triggersAct } = this.#ports;
    if (!triggersAct) return this.#apply(events);
    // Deferrable keys are checked at the end of the transaction in such a session: here they are still a refusal.
    await tx.execute('savepoint pgc_repair_checked');
    const failure = (await this.#apply(events)) ?? (await brokenConstraint(tx));
    if (failure !== undefined) await tx.execute('rollback to savepoint pgc_repair_checked');
    await tx.execute('release savepoint pgc_repair_checked');
    return failure;
  }

  async #apply(events: readonly QueueEvent[]): Promise<string | undefined> {
    const { tx, attrs, handlers, queueName, tick, applyToTable } = this.#ports;
    const { tableName, sides } = this.#plan;
    const { destTable } = sides.subscriber.shape;
    const { takeOver } = bindHandler(tableName, attrs, handlers);
    if (takeOver === undefined) {
      return applyToTable(tx, tableName, destTable, events);
    }
    await tx.execute('savepoint pgc_repair');
    try {
      const batch = batchAt(queueName, tick);
      const taken = await takeOver({ tx, batch, tableName, destTable });
      await taken.write(events);
      await taken.finish();
      await tx.execute('release savepoint pgc_repair');
      return undefined;
    } catch (error) {
      if (!(error instanceof ReplicateError) || error.entry.policy !== 'park-table') throw error;
      await tx.execute('rollback to savepoint pgc_repair');
      return error.message;
    }
  }

  /** True when no column of this node would be lost with a row that is deleted and inserted. */
  #mayReplaceRows(): boolean {
    const { columns, sides } = this.#plan;
    const known = new Set(columns.map(({ name }) => name));
    return sides.subscriber.shape.columns.every(({ name, isGenerated }) => isGenerated || known.has(name));
  }
}

function bytesWritten(repair: RowRepair): number {
  const { texts } = repair.kind === 'delete' ? repair.old : repair.row;
  return texts.reduce((sum, text) => sum + (text?.length ?? 0), 0);
}

/** Why the constraints do not hold; the transaction is in error then. */
async function brokenConstraint(tx: Connection): Promise<string | undefined> {
  try {
    await tx.execute('set constraints all immediate');
    return undefined;
  } catch (error) {
    if (sqlstateOf(error)?.startsWith('23') !== true) throw error;
    return (error as Error).message;
  }
}

const DONE = { insert: 'inserted', update: 'updated', delete: 'deleted' } as const;

/** A handler that takes events over may ask which batch they are of. */
function batchAt(queueName: string, tick: TickId) {
  return {
    id: 0n as never,
    queueName,
    startTick: tick,
    endTick: tick,
    endTime: new Date().toISOString(),
    endEventSequence: 0n,
  };
}
