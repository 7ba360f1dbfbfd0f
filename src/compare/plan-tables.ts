import type { HandlerSettings } from '../handlers/contract.js';
import { bindHandler } from '../handlers/registry.js';
import type { MergedPart } from '../replica/merged-parts.js';
import { type ReplicatedTable, readTables } from '../replica/table-list.js';
import type { Sides } from './canonical-value.js';
import type { CompareTableOptions, TableComparison } from './compare-table.js';
import { readIgnoredColumns } from './ignored-columns.js';
import type { ReaderPool } from './reader-pool.js';
import { findObstacle, type Obstacle } from './select-tables.js';
import type { SnapshotPair, SnapshotPorts } from './snapshot-pair.js';
import { planTable, type SidePlan, type TablePlan } from './table-plan.js';
import { readTableShapes, type TableShape } from './table-shape.js';

/** A plan with the other sources of the table, when several queues feed it. */
export type UnionPlan = TablePlan & { readonly otherSources?: CompareTableOptions['otherSources'] };

export interface PlanOptions {
  readonly queueName: string;
  readonly tableNames: readonly string[];
  /** Names → the other queues that feed the table. */
  readonly mergedTables?: ReadonlyMap<string, readonly MergedPart[]> | undefined;
  /** What the ini file tells the handlers of the tables. */
  readonly handlers: HandlerSettings;
  /** Parked tables of the subscriber are planned as well: for a repair that takes them up again. */
  readonly takesParked?: boolean | undefined;
}

/**
 * Decides in the snapshots themselves which tables can be compared, and how, with all the queues that feed them. One
 * that cannot be is returned with its verdict.
 */
export async function planTables(
  pair: SnapshotPair,
  ports: Pick<SnapshotPorts, 'otherSources'>,
  options: PlanOptions,
): Promise<(UnionPlan | TableComparison)[]> {
  const plans = await planOneQueue(pair.readers, options.queueName, options.tableNames, options);
  const { mergedTables } = options;
  if (mergedTables === undefined) return plans;
  const others = new Map<string, SourcePlans>();
  for (const [index, { queueName }] of (ports.otherSources ?? []).entries()) {
    const provider = pair.otherSources[index] as ReaderPool;
    const names = [...mergedTables.values()].flat().filter((part) => part.queueName === queueName);
    const tableNames = [...new Set(names.map(({ tableName }) => tableName))];
    const found = await planOneQueue({ ...pair.readers, provider }, queueName, tableNames, options);
    others.set(queueName, { provider, plans: new Map(found.map((plan) => [plan.tableName, plan])) });
  }
  return plans.map((plan) => uniteSources(plan, mergedTables.get(plan.tableName) ?? [], others));
}

interface SourcePlans {
  readonly provider: ReaderPool;
  readonly plans: ReadonlyMap<string, TablePlan | TableComparison>;
}

/** One plan for all sources: they must be read in the same way, else their checksums could not be put together. */
function uniteSources(
  plan: TablePlan | TableComparison,
  parts: readonly MergedPart[],
  sources: ReadonlyMap<string, SourcePlans>,
): UnionPlan | TableComparison {
  if (!('sides' in plan)) return plan;
  const otherSources: { plan: SidePlan; readers: ReaderPool }[] = [];
  for (const { queueName, tableName } of parts) {
    const source = sources.get(queueName);
    const other = source?.plans.get(tableName);
    if (source === undefined || other === undefined) {
      const reason = `Queue "${queueName}" feeds it too and was not looked at.`;
      return notChecked(plan.tableName, { code: 'PC503', reason });
    }
    if (!('sides' in other)) {
      const why = other.verdict.kind === 'not checked' ? other.verdict : undefined;
      const reason = `Queue "${queueName}" feeds it too. ${why?.reason ?? ''}`;
      return notChecked(plan.tableName, { code: why?.code ?? 'PC503', reason });
    }
    if (!isReadAlike(plan, other)) {
      const reason = `It has other columns or another key on the provider of queue "${queueName}", which feeds it too.`;
      return notChecked(plan.tableName, { code: 'PC503', reason });
    }
    otherSources.push({ plan: other.sides.provider, readers: source.provider });
  }
  return { ...plan, otherSources };
}

function isReadAlike(one: TablePlan, other: TablePlan): boolean {
  const reading = ({ sides, hasIntegerKey, keyColumns, missingColumns }: TablePlan) =>
    JSON.stringify([
      sides.subscriber.values,
      sides.subscriber.keyValues,
      hasIntegerKey,
      keyColumns,
      missingColumns,
    ]);
  return reading(one) === reading(other);
}

/** As `planTables` for one queue by itself. */
async function planOneQueue(
  readers: Sides<ReaderPool>,
  queueName: string,
  tableNames: readonly string[],
  { handlers, takesParked }: PlanOptions,
): Promise<(TablePlan | TableComparison)[]> {
  const [provider, subscriber] = await Promise.all([
    readSide(readers.provider, queueName, tableNames),
    readSide(readers.subscriber, queueName, tableNames),
  ]);
  return tableNames.map((tableName) => {
    const table = subscriber.tables.get(tableName);
    const obstacle = findObstacle(provider.tables.get(tableName), table, handlers, takesParked);
    if (obstacle !== undefined) return notChecked(tableName, obstacle);
    const shapes = { provider: provider.shapes.get(tableName), subscriber: subscriber.shapes.get(tableName) };
    if (shapes.provider === undefined) return notChecked(tableName, missing('provider'));
    if (shapes.subscriber === undefined) return notChecked(tableName, missing('subscriber'));
    const { selection, hasParts } = bindHandler(tableName, table?.attrs ?? null, handlers);
    const subscriberShape =
      hasParts === true ? { ...shapes.subscriber, isPartitioned: true } : shapes.subscriber;
    const sides = { provider: shapes.provider, subscriber: subscriberShape };
    return planTable(tableName, sides, selection, provider.ignored.get(shapes.provider.oid));
  });
}

interface SideTables {
  readonly tables: ReadonlyMap<string, ReplicatedTable>;
  readonly shapes: ReadonlyMap<string, TableShape>;
  /** Columns that are not in events, by oid of the table. */
  readonly ignored: ReadonlyMap<number, ReadonlySet<string>>;
}

async function readSide(
  pool: ReaderPool,
  queueName: string,
  tableNames: readonly string[],
): Promise<SideTables> {
  return pool.use(async (reader) => {
    const wanted = new Set(tableNames);
    const tables = (await readTables(reader, queueName)).filter((table) => wanted.has(table.name));
    const shapes = await readTableShapes(reader, tables);
    const oids = [...shapes.values()].map(({ oid }) => oid);
    return {
      tables: new Map(tables.map((table) => [table.name, table])),
      shapes,
      ignored: await readIgnoredColumns(reader, queueName, oids),
    };
  });
}

function missing(side: keyof Sides<unknown>): Obstacle {
  const where = side === 'provider' ? 'the provider' : 'this node';
  return {
    code: 'PC503',
    reason: `There is no such table on ${where}, or it is not a plain or partitioned one.`,
  };
}

function notChecked(tableName: string, obstacle: Obstacle): TableComparison {
  return { tableName, totals: undefined, seconds: 0, verdict: { kind: 'not checked', ...obstacle } };
}
