import { MultiBar, type SingleBar } from 'cli-progress';
import { requireMergingLeaf } from '../../cascade/combined-queue.js';
import { connectToNode } from '../../cascade/find-root.js';
import { type NodeInfo, requireNode } from '../../cascade/node-info.js';
import type { TableComparison } from '../../compare/compare-table.js';
import { type CompareObserver, type Comparison, compareTables } from '../../compare/compare-tables.js';
import { comparisonJson, exitCodeOf, summaryLine, tableLines } from '../../compare/report.js';
import { selectTables } from '../../compare/select-tables.js';
import type { SnapshotPorts, SnapshotSource } from '../../compare/snapshot-pair.js';
import { importSnapshot, openTickSnapshot, type SnapshotName } from '../../copy/tick-snapshot.js';
import type { Connection } from '../../db/connection.js';
import type { ExitCode } from '../../errors/catalogue.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { ELSEWHERE } from '../../handlers/contract.js';
import { tryToBindHandler } from '../../handlers/registry.js';
import { type MergedPart, readMergedTables } from '../../replica/merged-parts.js';
import { type ReplicatedTable, readTables } from '../../replica/table-list.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { handlerSettings } from '../handler-settings.js';
import { providerLocation, withLocalNode } from '../local-node.js';
import type { Output } from '../output.js';
import { outputStream } from '../output-stream.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';

const DEFAULT_TIMEOUT_MS = 60_000;

/** `replicate INI compare [NAME…]` */
export const command: CommandSpec = {
  name: 'compare',
  summary:
    'Compare tables with the provider at one tick while both go on: exit code 0 equal, 2 different, 3 not checked.',
  arguments: [
    {
      name: 'tables',
      variadic: true,
      summary: 'Names or patterns with * and ?; by default all tables of this node.',
    },
  ],
  options: [
    { flags: '--count-only', summary: 'Compare numbers of rows only.' },
    { flags: '--jobs <number>', summary: 'Connections that read at a time, on each side.', default: '2' },
    {
      flags: '--chunk-rows <number>',
      summary: 'Rows in a chunk: what is looked at again where chunks differ.',
      default: '10000',
    },
    { flags: TIMEOUT_FLAGS, summary: 'Longest wait until the worker has the tick; 60 by default.' },
    { flags: '--json', summary: 'Print the result as one JSON document.' },
  ],
  async run(context, args, options) {
    const jobs = countOption(options, 'jobs', 64);
    const chunkRows = countOption(options, 'chunkRows', 10_000_000);
    const waitMs = timeoutMs(options) ?? DEFAULT_TIMEOUT_MS;
    return withLocalNode(context, 'compare', async (connection, node) => {
      await requireMergingLeaf(connection, node);
      const tableNames = await chooseTables(context, connection, node, args);
      const { queueName, lockTimeoutMs } = context.config;
      const mergedTables = await findMerged(connection, queueName, tableNames);
      const ports = await portsOf(context, connection, node, mergedTables);
      return show(context, options, (observer) =>
        compareTables(
          ports,
          {
            queueName,
            tableNames,
            mergedTables,
            handlers: handlerSettings(context.config),
            countOnly: options['countOnly'] === true,
            jobs,
            chunkRows,
            timeoutMs: waitMs,
            lockTimeoutMs,
            signal: context.signal,
          },
          observer,
        ),
      );
    });
  },
};

async function chooseTables(
  { config }: CommandContext,
  connection: Connection,
  node: NodeInfo,
  args: readonly string[],
): Promise<readonly string[]> {
  if (node.nodeType === 'root') {
    throw new ReplicateError(
      'PC303',
      `Node "${node.nodeName}" is the root: it has no provider to compare with.`,
    );
  }
  const tables = await readTables(connection, config.queueName);
  // A name without a table is nothing that could be equal; who names it is told so.
  const compared = args.length > 0 ? tables : tables.filter((table) => !isName(table));
  const names = selectTables(args, compared);
  if (names.length > 0) return names;
  // Nothing was looked at, so nothing is proven.
  throw new ReplicateError(
    'PC501',
    `No table is replicated on node "${node.nodeName}": there is nothing to compare.`,
  );
}

/** True for a table of which only the name is on this node. */
function isName({ name, attrs }: ReplicatedTable): boolean {
  const handler = tryToBindHandler(name, attrs, ELSEWHERE);
  return !(handler instanceof ReplicateError) && handler.needsNoTable === true;
}

/** Those of the tables that other queues feed too. */
async function findMerged(
  connection: Connection,
  queueName: string,
  tableNames: readonly string[],
): Promise<ReadonlyMap<string, readonly MergedPart[]>> {
  const merged = await readMergedTables(connection, queueName);
  return new Map([...merged].filter(([name]) => tableNames.includes(name)));
}

async function portsOf(
  context: CommandContext,
  connection: Connection,
  node: NodeInfo,
  mergedTables: ReadonlyMap<string, readonly MergedPart[]>,
): Promise<SnapshotPorts> {
  const { config, connect, signal } = context;
  const application = `compare/${node.nodeName}`;
  const connectProvider = (to: NodeInfo) =>
    connectToNode(connect, to.providerNode, providerLocation(to), application, signal);
  const queues = new Set([...mergedTables.values()].flat().map(({ queueName }) => queueName));
  const otherSources: SnapshotSource[] = [];
  for (const queueName of queues) {
    const other = await requireNode(connection, queueName);
    otherSources.push({ queueName, connectProvider: () => connectProvider(other) });
  }
  return {
    connectProvider: () => connectProvider(node),
    otherSources,
    connectSubscriber: () => connect(config.db, { application, signal }),
    openTickSnapshot,
    importSnapshot: (reader, snapshot) => importSnapshot(reader, snapshot as SnapshotName),
  };
}

async function show(
  { output }: CommandContext,
  options: Readonly<Record<string, unknown>>,
  compare: (observer: CompareObserver) => Promise<Comparison>,
): Promise<ExitCode> {
  const countOnly = options['countOnly'] === true;
  const display = new CompareDisplay(output, options['json'] === true ? undefined : countOnly);
  let comparison: Comparison;
  try {
    comparison = await compare(display);
  } finally {
    display.close();
  }
  if (options['json'] === true) output.print(JSON.stringify(comparisonJson(comparison, countOnly), null, 2));
  else output.print(summaryLine(comparison));
  return exitCodeOf(comparison);
}

/** Prints each table when it is done, above a bar on a terminal. */
class CompareDisplay implements CompareObserver {
  readonly #output: Output;
  /** Undefined when the tables are not printed one by one. */
  readonly #countOnly: boolean | undefined;
  #bars: MultiBar | undefined;
  #bar: SingleBar | undefined;

  constructor(output: Output, countOnly: boolean | undefined) {
    this.#output = output;
    this.#countOnly = countOnly;
  }

  onTick(): void {}

  onStart(rows: number): void {
    if (!this.#output.isTerminal || this.#countOnly === undefined) return;
    this.#bars = new MultiBar({
      format: 'compare {bar} {percentage}%  {eta_formatted} left',
      hideCursor: true,
      barCompleteChar: '█',
      barIncompleteChar: '░',
      clearOnComplete: true,
      stream: outputStream(this.#output),
    });
    this.#bar = this.#bars.create(Math.max(1, Math.round(rows)), 0);
  }

  onRows(rows: number): void {
    this.#bar?.increment(Math.round(rows));
  }

  onTable(comparison: TableComparison): void {
    if (this.#countOnly === undefined) return;
    for (const line of tableLines(comparison, this.#countOnly)) {
      if (this.#bars === undefined) this.#output.print(line);
      else this.#bars.log(`${line}\n`);
    }
  }

  close(): void {
    this.#bars?.stop();
  }
}

function countOption(options: Readonly<Record<string, unknown>>, name: string, most: number): number {
  const text = String(options[name]);
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > most) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    throw new ReplicateError('PC100', `--${flag}=${text} is not a number between 1 and ${most}.`);
  }
  return count;
}
