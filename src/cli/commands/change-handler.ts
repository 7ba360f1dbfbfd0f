import { requireProvider } from '../../cascade/find-root.js';
import type { NodeInfo } from '../../cascade/node-info.js';
import type { Connection } from '../../db/connection.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { checkSelection } from '../../handlers/check-selection.js';
import { describeHandler, type HandlerText, withHandlerText } from '../../handlers/handler-text.js';
import { type CaptureDifference, captureDifference } from '../../replica/capture-difference.js';
import { readCapturedWrites } from '../../replica/captured-writes.js';
import { changeHandler } from '../../replica/change-handler.js';
import { checkSubscriberTable } from '../../replica/check-table.js';
import { readNodesWithTable } from '../../replica/nodes-with-table.js';
import { readRelations } from '../../replica/relation.js';
import { type ReplicatedTable, readTables } from '../../replica/table-list.js';
import type { TriggerOptions } from '../../replica/table-triggers.js';
import { chooseNames } from '../choose-names.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { describeCaptureChange, isOtherCapture } from '../describe-capture-change.js';
import {
  type ChosenHandler,
  chooseHandler,
  chooseTriggers,
  HANDLER_OPTIONS,
  type HandlerChoice,
  handlerOption,
} from '../handler-options.js';
import { handlerSettings } from '../handler-settings.js';
import { withLocalNode, withProvider } from '../local-node.js';
import { tableLock } from '../table-lock.js';
import { noteTriggerArguments, TRIGGER_OPTIONS, triggerArguments } from '../trigger-options.js';

/** Longest look at one node below, to know whether it has the table. */
const LOOK_DEADLINE_MS = 5_000;

/** `replicate INI change-handler TABLE [--handler=NAME] [--handler-arg=K=V…]` */
export const command: CommandSpec = {
  name: 'change-handler',
  summary: 'Replicate a table of this node in another way from now on, and copy it anew for that.',
  arguments: [{ name: 'table', required: true, summary: 'Its name.' }],
  options: [
    ...HANDLER_OPTIONS,
    ...TRIGGER_OPTIONS,
    { flags: '--expect-sync', summary: 'The rows are as the new handler wants them: do not copy.' },
  ],
  async run(context, args, options) {
    const option = handlerOption(options);
    const expectSync = options['expectSync'] === true;
    // As in Londiste all is said anew: without a word the triggers are the usual ones.
    const triggers = triggerArguments(options) ?? [];
    return withLocalNode(context, 'change-handler', async (connection, node) => {
      const tables = (await readTables(connection, context.config.queueName)).filter(
        ({ isLocal }) => isLocal,
      );
      const [name] = chooseNames(context.output, {
        kind: 'table',
        args: args.slice(0, 1),
        all: undefined,
        candidates: tables.map((table) => table.name),
      });
      const table = tables.find((candidate) => candidate.name === name);
      if (table === undefined)
        throw new ReplicateError('PC400', `No table ${args[0] ?? ''} is replicated here.`);
      const chosen =
        node.nodeType === 'root'
          ? await choose(context, connection, node, table, option, expectSync)
          : await chooseBelow(context, connection, node, table, option, expectSync);
      await change(context, connection, node, table, chosen, expectSync, triggers);
      return 0;
    });
  },
};

async function choose(
  { config }: CommandContext,
  local: Connection,
  node: NodeInfo,
  { name: tableName, destTable }: ReplicatedTable,
  option: HandlerText | undefined,
  expectSync: boolean,
  above?: HandlerChoice['above'],
): Promise<ChosenHandler> {
  const settings = handlerSettings(config);
  return chooseHandler({ tableName, destTable, option, node, local, settings, expectSync, above });
}

async function chooseBelow(
  context: CommandContext,
  local: Connection,
  node: NodeInfo,
  table: ReplicatedTable,
  option: HandlerText | undefined,
  expectSync: boolean,
): Promise<ChosenHandler> {
  const { queueName } = context.config;
  return withProvider(context, node, 'change-handler', async (provider) => {
    const { nodeType } = await requireProvider(provider, queueName);
    const tables = await readTables(provider, queueName);
    const source = tables.find(({ name, isLocal }) => name === table.name && isLocal);
    const above = { nodeType, attributes: source?.attrs ?? null };
    const chosen = await choose(context, local, node, table, option, expectSync, above);
    const { needsNoTable, selection, columnHere } = chosen.bound;
    if (source === undefined || needsNoTable === true) return chosen;
    const { name: tableName, destTable } = table;
    const { columns } = selection;
    checkSubscriberTable(
      { target: local.target, relations: await readRelations(local, [destTable]) },
      {
        target: provider.target,
        relations: await readRelations(provider, [source.destTable]),
        nodeName: node.providerNode,
        table: source,
      },
      { tableName, destTable, allowPartition: true, columns, columnHere },
      false,
    );
    const sides = { queueName, tableName, sourceTable: source.destTable, destTable };
    await checkSelection(provider, local, { ...sides, selection });
    return chosen;
  });
}

async function change(
  context: CommandContext,
  connection: Connection,
  node: NodeInfo,
  table: ReplicatedTable,
  { text, bound, notes }: ChosenHandler,
  expectSync: boolean,
  triggers: TriggerOptions['triggerArguments'],
): Promise<void> {
  const { queueName, lockTimeoutMs } = context.config;
  const { output } = context;
  const { nodeType, combinedQueue } = node;
  const { name: tableName, destTable, attrs } = table;
  for (const note of notes) output.print(note);
  const attributes = withHandlerText(attrs, text);
  const needsNoCopy = bound.needsNoCopy === true || bound.needsNoTable === true;
  const state = nodeType === 'root' || expectSync ? 'kept' : needsNoCopy ? 'ok' : 'to be copied';
  const { purpose, isVirtual } = await chooseTriggers(connection, nodeType, destTable, bound);
  for (const note of noteTriggerArguments(tableName, nodeType, purpose, triggers)) output.print(note);
  const before = await readCapturedWrites(connection, queueName, tableName, destTable);
  const isCopied = await changeHandler(connection, {
    queueName,
    tableName,
    destTable,
    attributes,
    state,
    purpose: isVirtual ? 'none' : purpose,
    triggerArguments: triggers,
    withTableLock: tableLock(connection, lockTimeoutMs),
  });
  output.print(`${tableName}: handler ${text === undefined ? 'plain' : describeHandler(text)}`);
  if (isCopied) output.print(`${tableName} will be copied anew`);
  else if (state === 'to be copied') {
    output.print(`${tableName}: its rows come by the queue "${combinedQueue}", so nothing is copied`);
  }
  if (nodeType !== 'root') return;
  const after = await readCapturedWrites(connection, queueName, tableName, destTable);
  await sayWhatTravels(context, connection, node, tableName, captureDifference(before, after));
}

/** On a root other triggers can send more or less than before, which the nodes below do not notice. */
async function sayWhatTravels(
  { config, connect, signal, output }: CommandContext,
  root: Connection,
  { nodeName }: NodeInfo,
  tableName: string,
  difference: CaptureDifference,
): Promise<void> {
  if (!isOtherCapture(difference)) return;
  const nodes = await readNodesWithTable(root, {
    queueName: config.queueName,
    tableName,
    rootName: nodeName,
    connect,
    application: `change-handler/${config.jobName}`,
    deadlineMs: LOOK_DEADLINE_MS,
    signal,
  });
  for (const line of describeCaptureChange(tableName, difference, nodes)) output.print(line);
}
