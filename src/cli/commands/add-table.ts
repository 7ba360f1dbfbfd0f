import { findFollowed } from '../../cascade/combined-queue.js';
import { requireProvider } from '../../cascade/find-root.js';
import type { NodeInfo } from '../../cascade/node-info.js';
import type { Connection } from '../../db/connection.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { checkSelection } from '../../handlers/check-selection.js';
import type { HandlerText } from '../../handlers/handler-text.js';
import { findHandler } from '../../handlers/registry.js';
import { checkRootTable, checkSubscriberTable, type RelationsThere } from '../../replica/check-table.js';
import { syncNames } from '../../replica/copy-names.js';
import { isPattern, literalName } from '../../replica/expand-names.js';
import { readMissing } from '../../replica/missing.js';
import { readRelation, readRelations } from '../../replica/relation.js';
import { readTables } from '../../replica/table-list.js';
import { type AddTableSwitches, addChosenTables } from '../add-chosen-tables.js';
import { chooseNames } from '../choose-names.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { CONFLICT_OPTION, conflictOption, refuseConflictOnRoot } from '../conflict-option.js';
import { createMissingTables } from '../create-missing-tables.js';
import {
  type ChosenHandler,
  chooseHandler,
  HANDLER_OPTIONS,
  type HandlerChoice,
  handlerOption,
} from '../handler-options.js';
import { handlerSettings } from '../handler-settings.js';
import { withLocalNode, withProvider } from '../local-node.js';
import { keepsAll, OWNER_OPTION } from '../owner-option.js';
import { showWaitSync } from '../show-wait-sync.js';
import { TRIGGER_OPTIONS, triggerArguments } from '../trigger-options.js';

/** `replicate INI add-table NAME…` */
export const command: CommandSpec = {
  name: 'add-table',
  summary: 'Replicate tables: on the root from now on, below it by copying them and going on from there.',
  arguments: [
    { name: 'tables', variadic: true, summary: 'Names or patterns with * and ?, schema public by default.' },
  ],
  options: [
    { flags: '--all', summary: 'All tables that can be added on this node.' },
    { flags: '--expect-sync', summary: 'The rows are here already: do not copy.' },
    { flags: '--skip-truncate', summary: 'Copy without removing the rows that are here.' },
    { flags: '--dest-table <name>', summary: 'Name of the table in this database, when it is another one.' },
    {
      flags: '--create',
      summary: 'Make the table first, as on the provider: columns, defaults and primary key (not on a root).',
    },
    {
      flags: '--create-full',
      summary:
        'The same with all that belongs to it: constraints, indexes, foreign keys, triggers, rules, policies, rights, owner, comments.',
    },
    {
      flags: '--dry-run',
      summary: 'With --create or --create-full: print the SQL, and change nothing.',
    },
    OWNER_OPTION,
    {
      flags: '--merge-all',
      summary: 'On a leaf: take the rows of all queues of this database that have the table, into one table.',
    },
    {
      flags: '--no-merge',
      summary: 'On a leaf: take the rows of this queue only; rows that other queues feed already stay.',
    },
    { flags: '--skip-non-existing', summary: 'Warn about tables that cannot be added, and add the others.' },
    { flags: '--force', summary: 'Accept names that are not in the list of tables, and single partitions.' },
    ...HANDLER_OPTIONS,
    ...TRIGGER_OPTIONS,
    CONFLICT_OPTION,
    { flags: '--wait-sync', summary: 'Wait until all tables of this node are in sync.' },
  ],
  async run(context, args, options) {
    const switches: AddTableSwitches = {
      all: options['all'] === true,
      expectSync: options['expectSync'] === true,
      skipTruncate: options['skipTruncate'] === true,
      skipNonExisting: options['skipNonExisting'] === true,
      force: options['force'] === true,
      destTable: options['destTable'] as string | undefined,
      merge: mergeOf(options),
      handler: handlerOption(options),
      triggerArguments: triggerArguments(options),
      create: createOf(options),
      dryRun: options['dryRun'] === true,
      keepsAll: keepsAll(options),
      conflict: conflictOption(options),
    };
    if (switches.expectSync && switches.create !== undefined) {
      throw new ReplicateError(
        'PC100',
        'A table that is made now has no rows: --expect-sync does not go with --create and --create-full.',
      );
    }
    if (switches.dryRun && switches.create === undefined) {
      throw new ReplicateError('PC100', '--dry-run goes with --create or --create-full.');
    }
    if (switches.keepsAll && switches.create === undefined) {
      throw new ReplicateError('PC100', '--no-owner goes with --create or --create-full.');
    }
    return withLocalNode(context, 'add-table', async (connection, node) => {
      if (switches.merge !== undefined && node.nodeType !== 'leaf') {
        throw new ReplicateError(
          'PC303',
          `--merge-all and --no-merge are for leaves; node "${node.nodeName}" is a ${node.nodeType}.`,
        );
      }
      if (switches.create !== undefined && node.nodeType === 'root') {
        throw new ReplicateError(
          'PC303',
          `--create makes tables as they are on the provider; node "${node.nodeName}" is the root and has none.`,
        );
      }
      if (switches.conflict !== undefined) refuseConflictOnRoot(node);
      if (node.nodeType === 'root') {
        await addOnRoot(context, connection, node, args, switches);
      } else {
        await withProvider(context, node, 'add-table', (provider) =>
          addOnSubscriber(context, connection, node, provider, args, switches),
        );
      }
      if (switches.dryRun) return 0;
      return options['waitSync'] === true ? showWaitSync(context, connection, node.workerName, undefined) : 0;
    });
  },
};

function createOf(options: Readonly<Record<string, unknown>>): AddTableSwitches['create'] {
  if (options['createFull'] === true) return 'full';
  return options['create'] === true ? 'plain' : undefined;
}

/** Of "--no-merge" commander makes `merge: false`, and `merge: true` of its absence. */
function mergeOf(options: Readonly<Record<string, unknown>>): AddTableSwitches['merge'] {
  const noMerge = options['merge'] === false;
  if (options['mergeAll'] === true && noMerge) {
    throw new ReplicateError('PC100', 'Give --merge-all or --no-merge, not both.');
  }
  if (options['mergeAll'] === true) return 'all';
  return noMerge ? 'this' : undefined;
}

async function addOnRoot(
  context: CommandContext,
  connection: Connection,
  node: NodeInfo,
  args: readonly string[],
  switches: AddTableSwitches,
): Promise<void> {
  const { queueName } = context.config;
  const { tables: missing } = await readMissing(connection, queueName);
  const present = (await readTables(connection, queueName)).filter(({ isLocal }) => isLocal);
  const names = chooseNames(context.output, {
    kind: 'table',
    args,
    all: switches.all ? missing : undefined,
    candidates: [...missing, ...present.map(({ name }) => name), ...(await otherRelations(connection, args))],
    // A handler that does something here may do without a table.
    acceptUnknown: switches.force || switches.destTable !== undefined || isForRoot(switches.handler),
    skipUnknown: switches.skipNonExisting,
  });
  const local = await relationsHere(connection, names, switches);
  await addChosenTables(context, connection, node, names, switches, async (tableName, destTable) => {
    const handler = await choose(context, connection, node, tableName, destTable, switches);
    const { needsNoTable, triggers } = handler.bound;
    if (needsNoTable !== true || triggers === 'inserts only') {
      checkRootTable(local, { tableName, destTable, allowPartition: switches.force });
    }
    return handler;
  });
}

async function relationsHere(
  connection: Connection,
  names: readonly string[],
  { destTable }: AddTableSwitches,
): Promise<RelationsThere> {
  const wanted = destTable === undefined ? names : [literalName(destTable)];
  return { target: connection.target, relations: await readRelations(connection, wanted) };
}

async function choose(
  { config }: CommandContext,
  local: Connection,
  node: NodeInfo,
  tableName: string,
  destTable: string,
  { handler: option, expectSync }: AddTableSwitches,
  above?: HandlerChoice['above'],
): Promise<ChosenHandler> {
  const settings = handlerSettings(config);
  return chooseHandler({ tableName, destTable, option, node, local, settings, expectSync, above });
}

function isForRoot(handler: HandlerText | undefined): boolean {
  return handler !== undefined && findHandler(handler.name).worksOnRoot === true;
}

/** What is named and is there, but is no table that can be added: the check says why not. */
async function otherRelations(connection: Connection, args: readonly string[]): Promise<string[]> {
  const names = args.filter((arg) => !isPattern(arg)).map(literalName);
  const found: string[] = [];
  for (const name of names) if ((await readRelation(connection, name)) !== undefined) found.push(name);
  return found;
}

async function addOnSubscriber(
  context: CommandContext,
  connection: Connection,
  node: NodeInfo,
  provider: Connection,
  args: readonly string[],
  switches: AddTableSwitches,
): Promise<void> {
  const { config, output } = context;
  const { queueName } = config;
  const providerTables = await readTables(provider, queueName);
  const upstream = await requireProvider(provider, queueName);
  const { orphans } = await syncNames(connection, provider, upstream.nodeType, queueName);
  for (const orphan of orphans) {
    output.print(
      `${orphan}: replicated here, but the root does not know it; "remove-table ${orphan}" ends it`,
    );
  }
  const missing = (await readMissing(connection, queueName)).tables;
  const offered = new Set(providerTables.filter(({ isLocal }) => isLocal).map(({ name }) => name));
  const names = chooseNames(output, {
    kind: 'table',
    args,
    all: switches.all ? missing.filter((name) => switches.expectSync || offered.has(name)) : undefined,
    candidates: (await readTables(connection, queueName)).map(({ name }) => name),
    acceptUnknown: switches.force,
    skipUnknown: switches.skipNonExisting,
  });
  await refuseBesideCombined(connection, node, names);
  const sources = new Map(providerTables.map((table) => [table.name, table]));
  const chosen = (tableName: string, destTable: string): Promise<ChosenHandler> => {
    const source = sources.get(tableName);
    const attributes = source?.isLocal === true ? source.attrs : null;
    return choose(context, connection, node, tableName, destTable, switches, {
      nodeType: upstream.nodeType,
      attributes,
    });
  };
  if (switches.create !== undefined) {
    const create = {
      full: switches.create === 'full',
      dryRun: switches.dryRun,
      keepsAll: switches.keepsAll,
      destTable: switches.destTable,
    };
    const above = { connection: provider, nodeName: node.providerNode, tables: providerTables };
    await createMissingTables(context, connection, above, names, create, chosen);
    if (switches.dryRun) return;
  }
  const local = await relationsHere(connection, names, switches);
  const there = await readRelations(
    provider,
    names.flatMap((name) => sources.get(name)?.destTable ?? []),
  );
  await addChosenTables(context, connection, node, names, switches, async (tableName, destTable) => {
    const source = sources.get(tableName);
    const handler = await chosen(tableName, destTable);
    const { needsNoTable, needsNoCopy, selection, columnHere } = handler.bound;
    if (needsNoTable === true) return handler;
    checkSubscriberTable(
      local,
      { target: provider.target, relations: there, nodeName: node.providerNode, table: source },
      { tableName, destTable, allowPartition: true, columns: selection.columns, columnHere },
      switches.expectSync || needsNoCopy === true,
    );
    if (source?.isLocal === true) {
      const sides = { queueName, tableName, sourceTable: source.destTable, destTable };
      await checkSelection(provider, connection, { ...sides, selection });
    }
    return handler;
  });
}

/**
 * A leaf that follows a branch of a combined queue copies nothing: that branch must have the tables first, in sync.
 * Throws PC303 naming those that it has not.
 */
async function refuseBesideCombined(
  connection: Connection,
  node: NodeInfo,
  names: readonly string[],
): Promise<void> {
  const combined = await findFollowed(connection, node);
  if (combined === undefined) return;
  const tables = await readTables(connection, combined.queueName);
  const present = new Set(tables.filter(({ state }) => state.kind === 'ok').map(({ name }) => name));
  const missing = names.filter((name) => !present.has(name));
  if (missing.length === 0) return;
  throw new ReplicateError(
    'PC303',
    `Node "${node.nodeName}" follows the branch "${combined.nodeName}" of the queue "${combined.queueName}", which lacks ` +
      `${missing.join(', ')} or has not copied it yet: add it there first, and wait until it is in sync.`,
  );
}
