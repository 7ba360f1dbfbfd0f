import { requireMergingLeaf } from '../../cascade/combined-queue.js';
import { type CompareObserver, type Comparison, compareTables } from '../../compare/compare-tables.js';
import { comparisonJson, exitCodeOf, summaryLine, tableLines } from '../../compare/report.js';
import type { ExitCode } from '../../errors/catalogue.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { CompareDisplay } from '../compare-display.js';
import { chooseTables, findMerged, requireProvider, snapshotPorts } from '../compare-ports.js';
import { countOption } from '../count-option.js';
import { DifferencesFile } from '../differences-file.js';
import { handlerSettings } from '../handler-settings.js';
import { withLocalNode } from '../local-node.js';
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
    {
      flags: '--differences <file>',
      summary:
        'Write the keys of all rows that differ into a file, one JSON object a line: "repair" takes it.',
    },
    {
      flags: '--max-differences <number>',
      summary: 'Keys of one table in that file at most.',
      default: '100000',
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
      requireProvider(node);
      const tableNames = await chooseTables(context, connection, args);
      if (tableNames.length === 0) {
        // Nothing was looked at, so nothing is proven.
        throw new ReplicateError(
          'PC501',
          `No table is replicated on node "${node.nodeName}": there is nothing to compare.`,
        );
      }
      const { queueName, lockTimeoutMs } = context.config;
      const mergedTables = await findMerged(connection, queueName, tableNames);
      const ports = await snapshotPorts(context, 'compare', connection, node, mergedTables);
      const maxDifferences = countOption(options, 'maxDifferences', 1_000_000_000);
      const path = options['differences'] as string | undefined;
      await using file = path === undefined ? undefined : await DifferencesFile.create(path);
      return await show(context, options, (observer) =>
        compareTables(
          ports,
          {
            queueName,
            tableNames,
            mergedTables,
            handlers: handlerSettings(context.config),
            countOnly: options['countOnly'] === true,
            differences: file && {
              most: maxDifferences,
              sink: (tableName, found) => file.write(tableName, found),
            },
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

async function show(
  { output }: CommandContext,
  options: Readonly<Record<string, unknown>>,
  compare: (observer: CompareObserver) => Promise<Comparison>,
): Promise<ExitCode> {
  const countOnly = options['countOnly'] === true;
  const display = new CompareDisplay(
    output,
    options['json'] === true ? undefined : (comparison) => tableLines(comparison, countOnly),
  );
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
