import { describeHandler, readHandlerText, withHandlerText } from '../../handlers/handler-text.js';
import {
  type CapturePlan,
  type CaptureReport,
  readCapturePlans,
  readCaptureReports,
  readSchemaChanges,
} from '../../replica/capture-plans.js';
import { type ReplicatedTable, readTables } from '../../replica/table-list.js';
import { describeTableState } from '../../replica/table-state.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';
import type { Output } from '../output.js';
import { printTable } from '../print-table.js';

/** `replicate INI tables` */
export const command: CommandSpec = {
  name: 'tables',
  summary: 'List the tables that are replicated on this node, their state and how they are captured.',
  options: [
    { flags: '--names-only', summary: 'Print the names only, one a line.' },
    {
      flags: '--capture',
      summary: 'Print how each table is captured here: key, mode and why, and how each column travels.',
    },
  ],
  async run(context, _args, options) {
    const { config, output } = context;
    return withLocalNode(context, 'tables', async (connection) => {
      const tables = (await readTables(connection, config.queueName)).filter(({ isLocal }) => isLocal);
      if (options['namesOnly'] === true) {
        for (const { name } of tables) output.print(name);
        return 0;
      }
      if (options['capture'] === true) {
        const reports = await readCaptureReports(connection, config.queueName);
        for (const report of reports) printCapture(output, report);
        if (reports.length === 0) output.print('No table is captured on this node.');
        const changes = await readSchemaChanges(connection, config.queueName, 7);
        if (changes.length > 0) output.print('Changed without "execute" in the last 7 days:');
        for (const change of changes)
          output.print(`  ${change.happenedAt}  ${change.tableName}: ${change.message}`);
        return 0;
      }
      const plans = await readCapturePlans(connection, config.queueName);
      // One policy for all is the usual case, and not worth a column.
      const hasPolicies = tables.some(
        ({ conflictPolicy, leftOut }) => conflictPolicy !== undefined || leftOut > 0n,
      );
      const rows = tables.map((table) => {
        const { name, destTable, state, attrs } = table;
        const plan = plans.get(name);
        return [
          destTable === name ? name : `${name} → ${destTable}`,
          describeTableState(state),
          ...(hasPolicies ? [describeConflicts(table, config.conflict)] : []),
          describeAttributes(attrs),
          plan === undefined ? '' : describePlan(plan),
          plan?.purpose === 'capture' ? plan.reason : '',
        ];
      });
      printTable(
        output,
        ['table', 'state', ...(hasPolicies ? ['conflict'] : []), 'attrs', 'capture', 'why not by statement'],
        rows,
      );
      if (rows.length === 0) output.print('No table is replicated on this node.');
      return 0;
    });
  },
};

/** What is done on a conflict, and how often a change was left out for that. */
function describeConflicts({ conflictPolicy, leftOut }: ReplicatedTable, byDefault: string): string {
  return `${conflictPolicy ?? byDefault}${leftOut > 0n ? ` (${leftOut} left out)` : ''}`;
}

function describePlan({ purpose, mode }: CapturePlan): string {
  if (mode === 'none') return 'no triggers';
  return purpose === 'deny' ? 'writes refused' : mode;
}

/** One captured table: its plan, then a line for each column. */
function printCapture(output: Output, report: CaptureReport): void {
  const { tableName, destTable, mode, reason, format } = report;
  output.print(destTable === tableName ? tableName : `${tableName} → ${destTable}`);
  output.print(`  key      ${describeKey(report)}`);
  output.print(`  mode     ${mode}${reason === '' ? '' : `: ${reason}`}`);
  output.print(`  format   ${format}`);
  printTable(
    output,
    ['  column', 'type', 'travels as', 'written under'],
    report.columns.map(({ name, type, travels, settings }) => [
      `  ${name}`,
      type,
      travels,
      settings.join(', '),
    ]),
  );
  output.print('');
}

function describeKey({ mode, keyColumns, keySource, hasChanges }: CaptureReport): string {
  if (keyColumns.length > 0) return `${keyColumns.join(', ')} (${keySource})`;
  if (mode === 'none') return 'none';
  return hasChanges
    ? 'none: the old row travels with each update and delete'
    : 'none: inserts only, no update or delete is captured';
}

/** The handler as it was typed, and the other attributes. What cannot be read stands as it is stored. */
function describeAttributes(attributes: string | null): string {
  try {
    const handler = readHandlerText(attributes);
    const others = handler === undefined ? attributes : withHandlerText(attributes, undefined);
    return [handler === undefined ? null : describeHandler(handler), others]
      .filter((part) => part !== null)
      .join('; ');
  } catch {
    return attributes ?? '';
  }
}
