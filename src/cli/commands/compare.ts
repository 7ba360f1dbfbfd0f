import { requireMergingLeaf } from '../../cascade/combined-queue.js';
import type { NodeInfo } from '../../cascade/node-info.js';
import { type CompareOptions, type Comparison, compareTables } from '../../compare/compare-tables.js';
import { recheck } from '../../compare/recheck.js';
import type { RepairItem } from '../../compare/repair-rows.js';
import { comparisonJson, exitCodeOf, sequenceLines, summaryLine, tableLines } from '../../compare/report.js';
import type { SnapshotPorts } from '../../compare/snapshot-pair.js';
import type { Connection } from '../../db/connection.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { CompareDisplay } from '../compare-display.js';
import { chooseCompared, findMerged, requireProvider, snapshotPorts } from '../compare-ports.js';
import { countOption, optionalCount } from '../count-option.js';
import { DifferencesFile } from '../differences-file.js';
import { handlerSettings } from '../handler-settings.js';
import { withLocalNode } from '../local-node.js';
import { recordComparison } from '../record-comparison.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';

const DEFAULT_TIMEOUT_MS = 60_000;

/** `replicate INI compare [NAME…]` */
export const command: CommandSpec = {
  name: 'compare',
  summary:
    'Compare tables and sequences with the provider at one tick while both go on: exit code 0 equal, 2 different, 3 not checked.',
  arguments: [
    {
      name: 'tables',
      variadic: true,
      summary: 'Names or patterns with * and ?; by default all tables and sequences of this node.',
    },
  ],
  options: [
    { flags: '--count-only', summary: 'Compare numbers of rows only.' },
    { flags: '--where <condition>', summary: 'Only the rows for which this SQL is true, on each side.' },
    {
      flags: '--sample <percent>',
      summary: 'About so many of a hundred rows, other ones each time: "5%".',
    },
    { flags: '--jobs <number>', summary: 'Connections that read at a time, on each side.', default: '2' },
    {
      flags: '--chunk-rows <number>',
      summary: 'Rows in a chunk: what is looked at again where chunks differ.',
      default: '10000',
    },
    { flags: '--max-rate <rows>', summary: 'Rows that are read in a second at most, on each side.' },
    {
      flags: '--differences <file>',
      summary:
        'Write the keys of all rows that differ into a file, one JSON object a line: "repair" takes it.',
    },
    {
      flags: '--max-differences <number>',
      summary: 'Keys of one table that are taken at most, for the file and --recheck.',
      default: '100000',
    },
    {
      flags: '--recheck',
      summary:
        'Look at the rows that differ once more at a later tick, and tell only of those that still do.',
    },
    { flags: TIMEOUT_FLAGS, summary: 'Longest wait until the worker has the tick; 60 by default.' },
    { flags: '--json', summary: 'Print the result as one JSON document.' },
  ],
  async run(context, args, options) {
    const words = readWords(options);
    return withLocalNode(context, 'compare', async (connection, node) => {
      await requireMergingLeaf(connection, node);
      requireProvider(node);
      const { output, config } = context;
      const work = await prepare(context, connection, node, args, words);
      const path = options['differences'] as string | undefined;
      await using file = path === undefined ? undefined : await DifferencesFile.create(path);
      const isJson = options['json'] === true;
      const display = new CompareDisplay(
        output,
        isJson ? undefined : (comparison) => tableLines(comparison, words.countOnly),
      );
      let comparison: Comparison;
      try {
        comparison = await (words.recheck
          ? compareTwice(work, file, words.maxDifferences, display)
          : compareOnce(work, file, words.maxDifferences, display));
      } finally {
        display.close();
      }
      const scope = scopeOf(words, work.options);
      await recordComparison(connection, config.queueName, comparison, scope ?? 'all');
      if (isJson) output.print(JSON.stringify(comparisonJson(comparison, words.countOnly), null, 2));
      else {
        for (const line of comparison.sequences.flatMap(sequenceLines)) output.print(line);
        output.print(summaryLine(comparison, scope));
      }
      return exitCodeOf(comparison);
    });
  },
};

/** The command's options, read. */
interface Words {
  readonly countOnly: boolean;
  readonly where: string | undefined;
  readonly samplePercent: number | undefined;
  readonly jobs: number;
  readonly chunkRows: number;
  readonly maxRate: number | undefined;
  readonly maxDifferences: number;
  readonly recheck: boolean;
  readonly waitMs: number;
}

function readWords(options: Readonly<Record<string, unknown>>): Words {
  return {
    countOnly: options['countOnly'] === true,
    where: options['where'] as string | undefined,
    samplePercent: percentOption(options['sample']),
    jobs: countOption(options, 'jobs', 64),
    chunkRows: countOption(options, 'chunkRows', 10_000_000),
    maxRate: optionalCount(options, 'maxRate', 1_000_000_000),
    maxDifferences: countOption(options, 'maxDifferences', 1_000_000_000),
    recheck: options['recheck'] === true,
    waitMs: timeoutMs(options) ?? DEFAULT_TIMEOUT_MS,
  };
}

function percentOption(text: unknown): number | undefined {
  if (text === undefined) return undefined;
  const percent = /^\d+(\.\d+)?%?$/.test(String(text)) ? Number.parseFloat(String(text)) : Number.NaN;
  if (percent > 0 && percent <= 100) return percent;
  throw new ReplicateError('PC100', `--sample=${String(text)} is not a percentage such as 5 or 0.5%.`);
}

interface Work {
  readonly ports: SnapshotPorts;
  readonly options: CompareOptions;
}

async function prepare(
  context: CommandContext,
  connection: Connection,
  node: NodeInfo,
  args: readonly string[],
  words: Words,
): Promise<Work> {
  const { config, signal } = context;
  const { queueName, lockTimeoutMs, snapshotMaxAgeMs, compareSql, compareFmt } = config;
  const isPart = words.where !== undefined || words.samplePercent !== undefined;
  const { tableNames, sequenceNames } = await chooseCompared(context, connection, args);
  if (tableNames.length + sequenceNames.length === 0) {
    // Nothing was looked at, so nothing is proven.
    throw new ReplicateError(
      'PC501',
      `No table is replicated on node "${node.nodeName}": there is nothing to compare.`,
    );
  }
  const mergedTables = await findMerged(connection, queueName, tableNames);
  return {
    ports: await snapshotPorts(context, 'compare', connection, node, mergedTables),
    options: {
      queueName,
      tableNames,
      // A condition is one on rows of tables.
      sequenceNames: isPart ? [] : sequenceNames,
      mergedTables,
      handlers: handlerSettings(config),
      countOnly: words.countOnly,
      choice: { where: words.where, samplePercent: words.samplePercent },
      customQuery:
        compareSql === undefined || words.countOnly || isPart
          ? undefined
          : { sql: compareSql, format: compareFmt },
      maxRate: words.maxRate,
      snapshotMaxAgeMs,
      jobs: words.jobs,
      chunkRows: words.chunkRows,
      timeoutMs: words.waitMs,
      lockTimeoutMs,
      signal,
    },
  };
}

async function compareOnce(
  { ports, options }: Work,
  file: DifferencesFile | undefined,
  most: number,
  display: CompareDisplay,
): Promise<Comparison> {
  const differences = file && {
    most,
    sink: (tableName: string, found: Parameters<DifferencesFile['write']>[1]) => file.write(tableName, found),
  };
  return compareTables(ports, { ...options, differences }, display);
}

/** What differs is kept until it was looked at again; the tables are shown then. */
async function compareTwice(
  { ports, options }: Work,
  file: DifferencesFile | undefined,
  most: number,
  display: CompareDisplay,
): Promise<Comparison> {
  const items: RepairItem[] = [];
  const first = await compareTables(
    ports,
    {
      ...options,
      differences: {
        most,
        sink: async (tableName, found) => {
          for (const { kind, key, rowHash } of found)
            items.push({ tableName, kind, key, rowHash } as RepairItem);
        },
      },
    },
    display.withoutTables(),
  );
  const { comparison, differences } = await recheck(ports, options, first, items);
  for (const [tableName, found] of differences) await file?.write(tableName, found);
  for (const table of comparison.tables) display.onTable(table);
  return comparison;
}

/** What of the tables was compared, where that is not all. */
function scopeOf(words: Words, { customQuery }: CompareOptions): string | undefined {
  const parts = [
    ...(words.countOnly ? ['rows counted'] : []),
    ...(customQuery === undefined ? [] : ['compare_sql']),
    ...(words.samplePercent === undefined ? [] : [`a sample of ${words.samplePercent} %`]),
    ...(words.where === undefined ? [] : ['rows of a condition']),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}
