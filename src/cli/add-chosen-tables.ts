import type { NodeInfo } from '../cascade/node-info.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { ELSEWHERE } from '../handlers/contract.js';
import { type HandlerText, withHandlerText } from '../handlers/handler-text.js';
import { NO_HANDLER, tryToBindHandler } from '../handlers/registry.js';
import { type AddTableOptions, addTables } from '../replica/add-table.js';
import { checkTriggerArguments } from '../replica/check-trigger-arguments.js';
import { literalName } from '../replica/expand-names.js';
import { type ReplicatedTable, readTables } from '../replica/table-list.js';
import type { TriggerOptions } from '../replica/table-triggers.js';
import type { CommandContext } from './command.js';
import { checkConflictOption, type conflictOption } from './conflict-option.js';
import { type ChosenHandler, chooseTriggers } from './handler-options.js';
import { tableLock } from './table-lock.js';
import { noteTriggerArguments } from './trigger-options.js';

/** What was said on the command line of `add-table`. */
export interface AddTableSwitches {
  readonly all: boolean;
  readonly expectSync: boolean;
  readonly skipTruncate: boolean;
  readonly skipNonExisting: boolean;
  readonly force: boolean;
  readonly destTable: string | undefined;
  readonly merge: 'all' | 'this' | undefined;
  readonly handler: HandlerText | undefined;
  readonly triggerArguments: TriggerOptions['triggerArguments'];
  /** The tables are made first, from the provider's: with what belongs to them, or columns and keys only. */
  readonly create: 'full' | 'plain' | undefined;
  readonly dryRun: boolean;
  /** Tables that are made belong to our role. */
  readonly keepsAll: boolean;
  /** `default` is what a table that is added has anyway. */
  readonly conflict: ReturnType<typeof conflictOption>;
}

/** Checks all tables before the first is added, so that a wrong one is told before anything is done. */
export async function addChosenTables(
  context: CommandContext,
  connection: Connection,
  node: NodeInfo,
  names: readonly string[],
  switches: AddTableSwitches,
  check: (tableName: string, destTable: string) => Promise<ChosenHandler>,
): Promise<void> {
  const { config, output } = context;
  const { queueName } = config;
  if (names.length > 1 && switches.destTable !== undefined) {
    throw new ReplicateError('PC100', '--dest-table goes with one table only.');
  }
  const destTable = switches.destTable === undefined ? undefined : literalName(switches.destTable);
  const present = new Map(
    (await readTables(connection, queueName))
      .filter(({ isLocal }) => isLocal)
      .map((table) => [table.name, table]),
  );
  const accepted = new Map<string, ChosenHandler>();
  const refused = new Map<string, ReplicateError>();
  for (const tableName of names) {
    try {
      const before = switches.handler === undefined ? present.get(tableName) : undefined;
      if (before !== undefined) {
        const chosen = unchanged(before);
        checkConflictOption(tableName, switches.conflict, chosen.bound);
        accepted.set(tableName, chosen);
        continue;
      }
      const chosen = await check(tableName, destTable ?? tableName);
      checkConflictOption(tableName, switches.conflict, chosen.bound);
      if (node.nodeType !== 'leaf') {
        await checkTriggerArguments(connection, destTable ?? tableName, switches.triggerArguments ?? []);
      }
      accepted.set(tableName, chosen);
    } catch (error) {
      if (!(error instanceof ReplicateError) || error.entry.policy === 'retry') throw error;
      refused.set(tableName, error);
    }
  }
  if (!switches.skipNonExisting) refuseAll(context, [...refused.values()], names.length);
  for (const [tableName, error] of refused) output.print(`skipped ${tableName}: ${error.message}`);

  const withTableLock = tableLock(connection, config.lockTimeoutMs);
  const tables: AddTableOptions[] = [];
  for (const [tableName, handler] of accepted) {
    for (const note of handler.notes) output.print(note);
    const { purpose, isVirtual } = await chooseTriggers(
      connection,
      node.nodeType,
      destTable ?? tableName,
      handler.bound,
    );
    for (const note of noteTriggerArguments(tableName, node.nodeType, purpose, switches.triggerArguments)) {
      output.print(note);
    }
    tables.push({
      queueName,
      tableName,
      destTable,
      purpose,
      triggerArguments: switches.triggerArguments,
      withTableLock,
      merge: switches.merge,
      expectSync: switches.expectSync || handler.bound.needsNoCopy === true,
      isVirtual,
      conflictPolicy: switches.conflict === 'default' ? undefined : switches.conflict,
      attributes: withHandlerText(switches.skipTruncate ? 'skip_truncate=1' : null, handler.text),
    });
  }
  await addTables(connection, tables, (tableName, outcome) => {
    if (outcome.kind === 'exists') output.print(`${tableName} is replicated already`);
    else if (outcome.otherQueues.length === 0) output.print(`added ${tableName}`);
    else output.print(`added ${tableName}, fed by queues ${[queueName, ...outcome.otherQueues].join(', ')}`);
    context.signal.throwIfAborted();
  });
  if (accepted.size === 0) output.print('No table to add.');
}

/** What is added already stays as it is. */
function unchanged({ name, attrs }: ReplicatedTable): ChosenHandler {
  const handler = tryToBindHandler(name, attrs, ELSEWHERE);
  return { text: undefined, bound: handler instanceof ReplicateError ? NO_HANDLER : handler, notes: [] };
}

function refuseAll(context: CommandContext, errors: readonly ReplicateError[], total: number): void {
  const [first, ...others] = errors;
  if (first === undefined) return;
  if (others.length === 0) throw first;
  for (const error of errors) context.output.print(error.message);
  throw new ReplicateError(
    first.code,
    `${errors.length} of ${total} tables cannot be added, so none was; --skip-non-existing adds the others.`,
  );
}
