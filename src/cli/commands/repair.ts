import { applyToTable } from '../../apply/apply-to-table.js';
import { requireMergingLeaf } from '../../cascade/combined-queue.js';
import type { NodeInfo } from '../../cascade/node-info.js';
import type { SequenceComparison } from '../../compare/compare-sequences.js';
import { compareTables } from '../../compare/compare-tables.js';
import { planTables } from '../../compare/plan-tables.js';
import { repairParked } from '../../compare/repair-parked.js';
import { type RepairItem, readRepairs, type TableRepair } from '../../compare/repair-rows.js';
import { REPAIR_HEAD, REPAIR_TAIL, repairStatement } from '../../compare/repair-statements.js';
import {
  orderTables,
  type RepairOptions,
  type RepairPorts,
  readAttributes,
  repairTables,
  whyNot,
} from '../../compare/repair-tables.js';
import { exitCodeOf, summaryLine, tableLines } from '../../compare/report.js';
import { openSnapshotPair } from '../../compare/snapshot-pair.js';
import type { Connection } from '../../db/connection.js';
import { quoteLiteral } from '../../db/identifier.js';
import type { ExitCode } from '../../errors/catalogue.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { readTables } from '../../replica/table-list.js';
import { sleep } from '../../runtime/sleep.js';
import { copyConsumerName } from '../../worker/copy-consumer-name.js';
import { openSubscriber } from '../../worker/open-subscriber.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { CompareDisplay } from '../compare-display.js';
import { chooseCompared, findMerged, requireProvider, snapshotPorts } from '../compare-ports.js';
import { countOption } from '../count-option.js';
import { readDifferences } from '../differences-file.js';
import { handlerSettings } from '../handler-settings.js';
import { withLocalNode } from '../local-node.js';
import { withLockLimit } from '../lock-limit.js';
import { recordComparison } from '../record-comparison.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';

const DEFAULT_TIMEOUT_MS = 60_000;
const SYNC_POLL_MS = 100;
const CHUNK_ROWS = 10_000;

/** `replicate INI repair [NAME…]` */
export const command: CommandSpec = {
  name: 'repair',
  summary:
    'Make rows of this node what the provider has: shows the statements, and with --apply writes at a tick while replication goes on, takes parked tables up again and compares.',
  arguments: [
    {
      name: 'tables',
      variadic: true,
      summary: 'Names or patterns with * and ?; by default all tables of this node, or those of the file.',
    },
  ],
  options: [
    { flags: '--apply', summary: 'Write instead of showing the statements.' },
    {
      flags: '--differences <file>',
      summary: 'What to repair: a file that compare has written; without it the tables are compared first.',
    },
    {
      flags: '--max-differences <number>',
      summary: 'Rows of one table that are repaired at most.',
      default: '100000',
    },
    { flags: '--jobs <number>', summary: 'Connections that read at a time, on each side.', default: '2' },
    { flags: TIMEOUT_FLAGS, summary: 'Longest wait until the worker has a tick; 60 by default.' },
  ],
  async run(context, args, options) {
    const jobs = countOption(options, 'jobs', 64);
    const maxDifferences = countOption(options, 'maxDifferences', 10_000_000);
    const waitMs = timeoutMs(options) ?? DEFAULT_TIMEOUT_MS;
    const path = options['differences'] as string | undefined;
    return withLocalNode(context, 'repair', async (connection, node) => {
      requireProvider(node);
      await requireMergingLeaf(connection, node);
      refuseMerging(node);
      const read = path === undefined ? undefined : await readDifferences(path);
      const inFile = [...new Set(read?.map(({ tableName }) => tableName))];
      const isOfFile = read !== undefined && args.length === 0;
      const named = isOfFile
        ? { tableNames: inFile, sequenceNames: [] }
        : await chooseCompared(context, connection, args);
      const chosen = named.tableNames;
      const work = await prepare(context, connection, node, named, { jobs, maxDifferences, waitMs });
      const given = read?.filter(({ tableName }) => chosen.includes(tableName));
      return options['apply'] === true ? apply(work, given) : show(work, given);
    });
  },
};

/** What a repair works with. */
interface Work {
  readonly context: CommandContext;
  readonly connection: Connection;
  readonly ports: RepairPorts;
  readonly options: RepairOptions;
  readonly workerName: string;
  readonly tableNames: readonly string[];
  readonly sequenceNames: readonly string[];
  readonly jobs: number;
  readonly maxDifferences: number;
}

async function prepare(
  context: CommandContext,
  connection: Connection,
  node: NodeInfo,
  { tableNames, sequenceNames }: Pick<Work, 'tableNames' | 'sequenceNames'>,
  { jobs, maxDifferences, waitMs }: { jobs: number; maxDifferences: number; waitMs: number },
): Promise<Work> {
  const { config, signal } = context;
  const { queueName, lockTimeoutMs } = config;
  const mergedTables = await findMerged(connection, queueName, tableNames);
  const snapshots = await snapshotPorts(context, 'repair', connection, node, mergedTables);
  const application = `repair/${node.nodeName}`;
  return {
    context,
    connection,
    ports: {
      ...snapshots,
      openWriter: () => openSubscriber(withLockLimit(context), config.db, application, signal),
      applyToTable,
    },
    options: {
      queueName,
      mergedTables,
      handlers: handlerSettings(config),
      timeoutMs: waitMs,
      lockTimeoutMs,
      signal,
    },
    workerName: node.workerName,
    tableNames,
    sequenceNames,
    jobs,
    maxDifferences,
  };
}

/** Rows that a repair writes are in no event, and nodes below a combined queue hear of rows by events only. */
function refuseMerging({ combinedQueue, nodeName }: NodeInfo): void {
  if (combinedQueue === null) return;
  throw new ReplicateError(
    'PC303',
    `What node "${nodeName}" has goes on into the queue "${combinedQueue}", which would not hear of a repair: resync the tables.`,
  );
}

/** Prints the statements, as of a tick. */
async function show(work: Work, given: readonly RepairItem[] | undefined): Promise<ExitCode> {
  const { context, connection, ports, options } = work;
  const { output } = context;
  const found =
    given === undefined ? await differencesOf(work, true) : { items: given, behind: [], isChecked: true };
  const { items, behind } = found;
  for (const sequence of behind) output.print(advanceStatement(sequence));
  if (items.length === 0 && behind.length > 0) return 2;
  if (items.length === 0) {
    output.print('-- Nothing to repair.');
    return found.isChecked ? 0 : 3;
  }
  const order = await orderTables(connection, options.queueName, [
    ...new Set(items.map(({ tableName }) => tableName)),
  ]);
  await using pair = await openSnapshotPair(ports, { ...options, jobs: 1 });
  const plans = await planTables(pair, ports, { ...options, tableNames: order, takesParked: true });
  const attrs = await readAttributes(connection, options.queueName);
  output.print(
    `-- What differs at tick ${pair.tick}. Replication goes on: "repair --apply" writes at a tick.`,
  );
  for (const line of REPAIR_HEAD) output.print(line);
  const seen = new Set<string>();
  const part = async (tableName: string, isExtra: boolean) => {
    const own = items.filter((item) => item.tableName === tableName && (item.kind === 'extra') === isExtra);
    if (own.length === 0) return;
    const plan = plans.find((candidate) => candidate.tableName === tableName);
    const refused = whyNot(plan, { attrs: attrs.get(tableName) ?? null, handlers: options.handlers });
    if (refused !== undefined || plan === undefined || !('sides' in plan)) {
      output.print(`-- ${tableName}: ${refused}`);
      return;
    }
    for await (const { repairs, unclear } of readRepairs(plan, pair, own, seen)) {
      for (const repair of repairs) output.print(repairStatement(plan, repair));
      for (const key of unclear) output.print(`-- ${tableName}: key ${key} stands for more than one row.`);
    }
  };
  for (const tableName of order.toReversed()) await part(tableName, true);
  for (const tableName of order) await part(tableName, false);
  output.print(REPAIR_TAIL);
  return 2;
}

/** Writes, and compares again. */
async function apply(work: Work, given: readonly RepairItem[] | undefined): Promise<ExitCode> {
  const { context, connection, ports, options, tableNames, workerName } = work;
  const { output } = context;
  const done = new Map<string, TableRepair>();
  const parked = await parkedAmong(work);
  for (const tableName of parked) {
    const parking = {
      ...ports,
      copyConsumer: (name: string) => copyConsumerName(workerName, name),
    };
    const repair = await repairParked(
      parking,
      { ...options, maxDifferences: work.maxDifferences },
      tableName,
    );
    done.set(tableName, repair);
    output.print(repairLine(tableName, repair, repair.refusals.length > 0 ? 'stays parked' : 'goes on'));
  }
  const others = { ...work, tableNames: tableNames.filter((name) => !parked.includes(name)) };
  if (others.tableNames.length + others.sequenceNames.length > 0) {
    const { items, behind } =
      given === undefined ? await differencesOf(others, false) : { items: given, behind: [] };
    for (const sequence of behind) {
      await connection.query(advanceStatement(sequence));
      output.print(`${sequence.name}: brought to ${sequence.values?.provider}`);
    }
    const own = items.filter(({ tableName }) => !parked.includes(tableName));
    if (own.length > 0) {
      for (const [tableName, repair] of await repairTables(ports, options, own)) {
        done.set(tableName, repair);
        output.print(repairLine(tableName, repair));
      }
    }
  }
  await untilInSync(
    work,
    [...parked].filter((name) => done.get(name)?.refusals.length === 0),
  );
  const display = new CompareDisplay(output, (comparison) => tableLines(comparison, false));
  const after = await compareTables(ports, compareOptions(work), display).finally(() => display.close());
  await recordComparison(connection, options.queueName, after, 'all');
  output.print(summaryLine(after));
  return exitCodeOf(after);
}

function repairLine(
  tableName: string,
  { inserted, updated, deleted, refusals }: TableRepair,
  state?: string,
): string {
  const counts = `${inserted} inserted, ${updated} updated, ${deleted} deleted`;
  const parts = [state === undefined ? counts : `${counts}; ${state}`, ...refusals.slice(0, 3)];
  return `${tableName}: ${parts.join('. ')}`;
}

async function parkedAmong({ connection, options, tableNames }: Work): Promise<string[]> {
  const tables = await readTables(connection, options.queueName);
  return tables
    .filter(({ name, state }) => tableNames.includes(name) && state.kind === 'parked' && !state.isWaiting)
    .map(({ name }) => name);
}

/** A table that was parked catches up first. */
async function untilInSync({ context, connection, options }: Work, names: readonly string[]): Promise<void> {
  const deadline = performance.now() + options.timeoutMs;
  while (names.length > 0 && performance.now() < deadline) {
    const tables = await readTables(connection, options.queueName);
    const isDone = names.every((name) => {
      const kind = tables.find((table) => table.name === name)?.state.kind;
      return kind === 'ok' || kind === 'parked';
    });
    if (isDone) return;
    await sleep(SYNC_POLL_MS, context.signal);
  }
}

interface Found {
  readonly items: readonly RepairItem[];
  /** The sequences that are behind. */
  readonly behind: readonly SequenceComparison[];
  readonly isChecked: boolean;
}

/** A sequence goes forward only, by its direction and within its limits, as by replication: the two cannot cross. */
function advanceStatement({ name, values }: SequenceComparison): string {
  return `select londiste._advance_seq(${quoteLiteral(name)}, ${values?.provider});`;
}

/** All that differs, by a compare of its own; what cannot be checked is printed. */
async function differencesOf(work: Work, takesParked: boolean): Promise<Found> {
  const { ports, context, maxDifferences } = work;
  const items: RepairItem[] = [];
  const display = new CompareDisplay(context.output, ({ tableName, verdict }) =>
    verdict.kind === 'not checked' ? [`-- ${tableName}: NOT CHECKED: ${verdict.reason}`] : [],
  );
  const comparison = await compareTables(
    ports,
    {
      ...compareOptions(work),
      takesParked,
      differences: {
        most: maxDifferences,
        sink: async (tableName, found) => {
          for (const { kind, key, rowHash } of found)
            items.push({ tableName, kind, key, rowHash } as RepairItem);
        },
      },
    },
    display,
  ).finally(() => display.close());
  for (const { tableName, verdict } of comparison.tables) {
    if (verdict.kind === 'different' && verdict.differences?.isComplete === false) {
      context.output.print(`-- ${tableName}: more rows differ than are repaired at once.`);
    }
  }
  const behind = comparison.sequences.filter(({ verdict }) => verdict.kind === 'different');
  const isChecked = [...comparison.tables, ...comparison.sequences].every(
    ({ verdict }) => verdict.kind !== 'not checked',
  );
  return { items, behind, isChecked };
}

function compareOptions({ options, tableNames, sequenceNames, jobs }: Work) {
  return { ...options, tableNames, sequenceNames, countOnly: false, jobs, chunkRows: CHUNK_ROWS };
}
