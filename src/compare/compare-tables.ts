import { ReplicateError } from '../errors/replicate-error.js';
import type { HandlerSettings } from '../handlers/contract.js';
import type { TickId } from '../queue/ids.js';
import type { MergedPart } from '../replica/merged-parts.js';
import { runInLanes } from '../runtime/lanes.js';
import type { Interval } from './buckets.js';
import { compareSequences, type SequenceComparison } from './compare-sequences.js';
import {
  type CompareTableOptions,
  compareTable,
  readKeyBounds,
  readKeyInterval,
  type TableComparison,
} from './compare-table.js';
import type { CustomQuery } from './custom-query.js';
import { joinComparisons } from './join-comparisons.js';
import { planTables, type UnionPlan } from './plan-tables.js';
import { ReadPace } from './read-pace.js';
import {
  type BoundGroup,
  chooseBounds,
  chooseKeys,
  choosePart,
  cutBounds,
  cutInterval,
  type RowChoice,
} from './restrict-plan.js';
import type { RowDifference } from './row-differences.js';
import { openSnapshotPair, type SnapshotPair, type SnapshotPorts } from './snapshot-pair.js';

export interface CompareOptions {
  readonly queueName: string;
  /** Names in the queue. */
  readonly tableNames: readonly string[];
  /** Sequences of the queue that are compared too. */
  readonly sequenceNames?: readonly string[] | undefined;
  /** How long a sequence that is behind is waited for; for tests. */
  readonly sequencePatienceMs?: number | undefined;
  /** Names → the other queues that feed the table, all of them among the other sources of the ports. */
  readonly mergedTables?: ReadonlyMap<string, readonly MergedPart[]> | undefined;
  /** What the ini file tells the handlers of the tables. */
  readonly handlers: HandlerSettings;
  readonly countOnly: boolean;
  /** Only a part of the rows; undefined: all. */
  readonly choice?: Pick<RowChoice, 'where' | 'samplePercent'> | undefined;
  /** A query whose result is compared instead of the rows. */
  readonly customQuery?: CustomQuery | undefined;
  /** Rows that are read in a second at most, on each side. */
  readonly maxRate?: number | undefined;
  /** A snapshot that is older is not begun anything with: what is left is compared at a later tick. 0: never. */
  readonly snapshotMaxAgeMs?: number | undefined;
  /** Who is told of every difference; undefined: the first keys are enough. */
  readonly differences?: TableDifferences | undefined;
  /** Parked tables are looked at as well: their rows are those of an earlier tick. */
  readonly takesParked?: boolean | undefined;
  /** Connections that read on each side. */
  readonly jobs: number;
  readonly chunkRows: number;
  /** Pages that one statement reads; for tests. */
  readonly piecePages?: number;
  /** Rows in a group of keys that is compared at one tick; for tests. */
  readonly groupRows?: number;
  readonly timeoutMs: number;
  readonly lockTimeoutMs: number;
  readonly signal: AbortSignal;
}

export interface TableDifferences {
  readonly sink: (tableName: string, differences: readonly RowDifference[]) => Promise<void>;
  /** Keys of one table that are taken at most. */
  readonly most: number;
}

/** Told of what happens, as it happens. */
export interface CompareObserver {
  /** Both snapshots are open. */
  onTick(tick: TickId): void;
  /** Rows that are read in all, on both sides together: an estimate. */
  onStart(rows: number): void;
  onRows(rows: number): void;
  onTable(comparison: TableComparison): void;
}

export interface Comparison {
  /** The first and the last tick at which something was compared. */
  readonly firstTick: TickId;
  readonly tick: TickId;
  /** In the order of the names. */
  readonly tables: readonly TableComparison[];
  readonly sequences: readonly SequenceComparison[];
}

/** What a server hashes in a second is not known before; a group is then a quarter of a snapshot's age or less. */
const GROUPED_ROWS_PER_SECOND = 50_000;
const LEAST_GROUP_ROWS = 100_000;

/** A table, or some of the keys of a large one: what is compared at one tick. */
interface Unit {
  readonly tableName: string;
  readonly keys?: KeyGroup | undefined;
}

/** Some of the keys of a table, which are about that part of all: integers, or keys between bounds. */
type KeyGroup = { readonly part: number } & (
  | { readonly interval: Interval; readonly all: Interval }
  | { readonly group: BoundGroup }
);

/**
 * Compares tables of this node with its provider's, at one tick while both go on being written, and sequences. A table that other
 * queues feed too is compared with the union of its sources, each at a tick of its own queue.
 *
 * No snapshot is begun anything with when it is older than the limit: the tables that are left, and the groups of keys into
 * which large tables with an integer key are cut, are compared at a later tick, each of them at one.
 *
 * Nothing is locked and nothing is changed but some ticks more. Throws when the first snapshots cannot be had (see
 * `openSnapshotPair`) and when it is told to stop; what concerns one table, and that a later snapshot could not be had for it, is that table's verdict.
 */
export async function compareTables(
  ports: SnapshotPorts,
  options: CompareOptions,
  observer: CompareObserver,
): Promise<Comparison> {
  const run = new CompareRun(ports, options, observer);
  let left: readonly Unit[] = options.tableNames.map((tableName) => ({ tableName }));
  let sequences: readonly SequenceComparison[] | undefined;
  const ticks: TickId[] = [];
  do {
    await using pair = await openSnapshotPair(ports, options).catch((error: unknown) => {
      if (ticks.length === 0 || options.signal.aborted || !isNotFoundOut(error)) throw error;
      // What was compared before is known, whatever becomes of the rest.
      run.giveUp(left, error);
      return undefined;
    });
    if (pair === undefined) break;
    ticks.push(pair.tick);
    observer.onTick(pair.tick);
    left = await run.compare(pair, left);
    sequences ??= await compareSequences(pair, options);
  } while (left.length > 0);
  const [firstTick, tick] = [ticks[0], ticks.at(-1)] as [TickId, TickId];
  return { firstTick, tick, tables: run.tables, sequences: sequences ?? [] };
}

/** One compare over all its ticks. */
class CompareRun {
  readonly #ports: SnapshotPorts;
  readonly #options: CompareOptions;
  readonly #observer: CompareObserver;
  readonly #paces: CompareTableOptions['paces'];
  /** What was found of each table, group by group. */
  readonly #found = new Map<string, TableComparison[]>();
  /** How many groups of each table are still to come. */
  readonly #open = new Map<string, number>();
  #hasStarted = false;

  constructor(ports: SnapshotPorts, options: CompareOptions, observer: CompareObserver) {
    this.#ports = ports;
    this.#options = options;
    this.#observer = observer;
    const { maxRate } = options;
    this.#paces =
      maxRate === undefined
        ? undefined
        : { provider: new ReadPace(maxRate), subscriber: new ReadPace(maxRate) };
    for (const tableName of options.tableNames) this.#open.set(tableName, 1);
  }

  get tables(): readonly TableComparison[] {
    return this.#options.tableNames.map((name) => joinComparisons(this.#found.get(name) ?? []));
  }

  /** Compares what the age of the snapshots allows, at least one unit. Returns what is left. */
  async compare(pair: SnapshotPair, units: readonly Unit[]): Promise<readonly Unit[]> {
    const openedAt = performance.now();
    const { snapshotMaxAgeMs = 0, signal, jobs } = this.#options;
    const tableNames = [...new Set(units.map(({ tableName }) => tableName))];
    const plans = new Map(
      (await planTables(pair, this.#ports, { ...this.#options, tableNames })).map((plan) => [
        plan.tableName,
        'sides' in plan ? choosePart(plan, { ...this.#options.choice, seed: pair.tick }) : plan,
      ]),
    );
    if (!this.#hasStarted) {
      this.#observer.onStart([...plans.values()].reduce((sum, plan) => sum + rowsOf(plan), 0));
      this.#hasStarted = true;
    }
    const groups = await this.#cut(units, plans, pair);
    const largestFirst = groups.toSorted((a, b) => unitRows(b, plans) - unitRows(a, plans));
    const left: Unit[] = [];
    let begun = 0;
    // More units than readers, so that no reader waits for the other side of a table.
    await runInLanes(largestFirst, jobs * 2, signal, async (unit, laneSignal) => {
      const isOld = snapshotMaxAgeMs > 0 && performance.now() - openedAt > snapshotMaxAgeMs;
      if (isOld && begun > 0) {
        left.push(unit);
        return;
      }
      begun++;
      const plan = plans.get(unit.tableName);
      if (plan === undefined) throw new RangeError(`No plan of ${unit.tableName}.`);
      const comparison =
        'sides' in plan
          ? await compareTable(planOf(unit, plan), this.#tableOptions(plan, pair, laneSignal))
          : plan;
      this.#add({ ...comparison, tick: pair.tick });
    });
    return left;
  }

  /** No later snapshot can be had, so what is left is not checked. */
  giveUp(units: readonly Unit[], { code, message: reason }: ReplicateError): void {
    const verdict = { kind: 'not checked', code, reason } as const;
    for (const { tableName } of units) this.#add({ tableName, totals: undefined, seconds: 0, verdict });
  }

  #add(comparison: TableComparison): void {
    const { tableName } = comparison;
    const found = [...(this.#found.get(tableName) ?? []), comparison];
    this.#found.set(tableName, found);
    if (found.length === this.#open.get(tableName)) this.#observer.onTable(joinComparisons(found));
  }

  /** Cuts large tables into groups of keys, once. */
  async #cut(
    units: readonly Unit[],
    plans: ReadonlyMap<string, UnionPlan | TableComparison>,
    pair: SnapshotPair,
  ): Promise<Unit[]> {
    const most = this.#groupRows();
    if (most === undefined) return [...units];
    const cut: Unit[] = [];
    for (const unit of units) {
      const plan = plans.get(unit.tableName);
      const rows = plan === undefined ? 0 : rowsOf(plan) / 2;
      if (unit.keys !== undefined || plan === undefined || !('sides' in plan) || rows <= most) {
        cut.push(unit);
        continue;
      }
      const tableOptions = this.#tableOptions(plan, pair, this.#options.signal);
      const groups = await cutTable(plan, tableOptions, Math.ceil(rows / most));
      if (groups.length < 2) {
        cut.push(unit);
        continue;
      }
      this.#open.set(unit.tableName, groups.length);
      cut.push(...groups.map((keys) => ({ ...unit, keys })));
    }
    return cut;
  }

  #groupRows(): number | undefined {
    const { groupRows, snapshotMaxAgeMs = 0, maxRate, countOnly, customQuery } = this.#options;
    if (countOnly || customQuery !== undefined) return undefined;
    if (groupRows !== undefined) return groupRows;
    if (snapshotMaxAgeMs === 0) return undefined;
    const rate = Math.min(GROUPED_ROWS_PER_SECOND, maxRate ?? GROUPED_ROWS_PER_SECOND);
    return Math.max(maxRate ?? LEAST_GROUP_ROWS, (rate * snapshotMaxAgeMs) / 1000);
  }

  #tableOptions(plan: UnionPlan, pair: SnapshotPair, signal: AbortSignal): CompareTableOptions {
    const { countOnly, chunkRows, piecePages, differences, customQuery } = this.#options;
    return {
      readers: pair.readers,
      otherSources: plan.otherSources,
      countOnly,
      customQuery,
      paces: this.#paces,
      differences: differences && {
        most: differences.most,
        sink: (found) => differences.sink(plan.tableName, found),
      },
      chunkRows,
      piecePages,
      signal,
      onRows: (rows) => this.#observer.onRows(rows),
    };
  }
}

/** The worker, or a server, was away: nothing is wrong with the question. */
function isNotFoundOut(error: unknown): error is ReplicateError {
  return error instanceof ReplicateError && error.entry.exitCode === 3;
}

function planOf({ keys }: Unit, plan: UnionPlan): UnionPlan {
  if (keys === undefined) return plan;
  return 'group' in keys
    ? chooseBounds(plan, keys.group, keys.part)
    : chooseKeys(plan, keys.interval, keys.all, keys.part);
}

/** So many groups of about the same size, at most; none when the keys have no order that both sides have. */
async function cutTable(plan: UnionPlan, options: CompareTableOptions, count: number): Promise<KeyGroup[]> {
  if (plan.hasIntegerKey) {
    const all = await readKeyInterval(plan, options);
    if (all === undefined) return [];
    const intervals = cutInterval(all, count);
    return intervals.map((interval) => ({ interval, all, part: 1 / intervals.length }));
  }
  const bounds = await readKeyBounds(plan, options, count);
  if (bounds.length === 0) return [];
  const groups = cutBounds(bounds, count);
  return groups.map((group) => ({ group, part: 1 / groups.length }));
}

/** Rows on both sides together, an estimate: what a table has to do with the time that all take. */
function rowsOf(plan: UnionPlan | TableComparison): number {
  if (!('sides' in plan)) return 0;
  return plan.sides.provider.shape.rowCount + plan.sides.subscriber.shape.rowCount;
}

function unitRows(unit: Unit, plans: ReadonlyMap<string, UnionPlan | TableComparison>): number {
  const plan = plans.get(unit.tableName);
  return plan === undefined ? 0 : rowsOf(plan) * (unit.keys?.part ?? 1);
}
