import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { literalName } from '../replica/expand-names.js';
import { type ReplicatedTable, readTables } from '../replica/table-list.js';
import { SCRIPT_SETTINGS } from '../schema/create-objects.js';
import { createTables, planTables, type TablePlan, type TableToCreate } from '../schema/create-tables.js';
import type { CommandContext } from './command.js';
import type { ChosenHandler } from './handler-options.js';
import { scriptComment } from './script-comment.js';

export interface CreateSwitches {
  readonly full: boolean;
  readonly dryRun: boolean;
  readonly keepsAll: boolean;
  readonly destTable: string | undefined;
}

export interface ProviderTables {
  readonly connection: Connection;
  readonly nodeName: string;
  /** The tables that the provider knows. */
  readonly tables: readonly ReplicatedTable[];
}

/**
 * Makes the tables that are going to be added, as they are on the provider, or prints how. Those that are replicated
 * already are passed over, and those whose handler needs none.
 *
 * Throws PC413 when one of them is here already, PC414 when one cannot be made, PC401 when the provider does not replicate it.
 */
export async function createMissingTables(
  { config, output }: CommandContext,
  local: Connection,
  provider: ProviderTables,
  names: readonly string[],
  switches: CreateSwitches,
  chosen: (tableName: string, destTable: string) => Promise<ChosenHandler>,
): Promise<void> {
  if (names.length > 1 && switches.destTable !== undefined) {
    throw new ReplicateError('PC100', '--dest-table goes with one table only.');
  }
  const present = new Set(
    (await readTables(local, config.queueName)).filter(({ isLocal }) => isLocal).map(({ name }) => name),
  );
  const tables: TableToCreate[] = [];
  for (const tableName of names.filter((name) => !present.has(name))) {
    const destTable = switches.destTable === undefined ? tableName : literalName(switches.destTable);
    const { bound } = await chosen(tableName, destTable);
    if (bound.needsNoTable === true) continue;
    if (bound.columnHere !== undefined) {
      throw new ReplicateError(
        'PC100',
        `The handler of ${tableName} gives it other columns than the provider has: make the table by hand.`,
      );
    }
    const source = provider.tables.find(({ name }) => name === tableName);
    if (source?.isLocal !== true) {
      throw new ReplicateError(
        'PC401',
        `Table ${tableName} is not replicated on the provider "${provider.nodeName}".`,
        { table: tableName },
      );
    }
    tables.push({ tableName, sourceTable: source.destTable, destTable, columns: bound.selection.columns });
  }
  if (tables.length === 0) return;
  const plan = await planTables(local, provider.connection, tables, switches);
  if (switches.dryRun) {
    for (const line of planLines(plan)) output.print(line);
    return;
  }
  for (const note of plan.notes) output.print(note);
  await createTables(local, plan);
  for (const { destTable } of tables) output.print(`made ${destTable}`);
}

/** The plan as a script. */
function planLines(plan: TablePlan): string[] {
  return [
    SCRIPT_SETTINGS,
    ...plan.notes.map(scriptComment),
    ...plan.steps.flatMap(({ key, statements }) => [
      scriptComment(key),
      ...statements.map((sql) => `${sql};`),
    ]),
    ...plan.foreignKeys.flatMap(({ name, fromTable, definition }) => [
      scriptComment(
        `foreign key ${name} of ${fromTable}: saved, and made by the worker when both tables are in sync`,
      ),
      scriptComment(definition),
    ]),
  ];
}
