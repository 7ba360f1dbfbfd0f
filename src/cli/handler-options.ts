import type { NodeInfo, NodeType } from '../cascade/node-info.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { ELSEWHERE, type HandlerSettings } from '../handlers/contract.js';
import { describeHandler, type HandlerText } from '../handlers/handler-text.js';
import {
  type BoundHandler,
  bindText,
  findHandler,
  NO_HANDLER,
  tryToBindHandler,
} from '../handlers/registry.js';
import { isPartial, isWholeTable, type RowSelection } from '../handlers/row-selection.js';
import { readRelation } from '../replica/relation.js';
import type { TriggerOptions } from '../replica/table-triggers.js';
import type { OptionSpec } from './command.js';

export const HANDLER_OPTIONS: readonly OptionSpec[] = [
  { flags: '--handler <name>', summary: 'How the table is replicated: "show-handlers" lists what there is.' },
  {
    flags: '--handler-arg <key=value>',
    summary: 'An argument of the handler; may be given several times.',
    isRepeatable: true,
  },
];

/** A handler that is about to be stored. */
export interface ChosenHandler {
  /** Undefined: none. */
  readonly text: HandlerText | undefined;
  readonly bound: BoundHandler;
  /** What the operator should know of it. */
  readonly notes: readonly string[];
}

/** The handler that the options of a command name; undefined when they name none. Throws PC100, PC410. */
export function handlerOption(options: Readonly<Record<string, unknown>>): HandlerText | undefined {
  const name = options['handler'] as string | undefined;
  const words = (options['handlerArg'] ?? []) as readonly string[];
  if (name === undefined && words.length === 0) return undefined;
  const args = new Map<string, string>();
  for (const word of words) {
    const at = word.indexOf('=');
    if (at < 1) throw new ReplicateError('PC100', `--handler-arg=${word} is not written as KEY=VALUE.`);
    args.set(word.slice(0, at), word.slice(at + 1));
  }
  const text = { name: findHandler(name ?? 'plain').name, args };
  return text.name === 'plain' && args.size === 0 ? undefined : text;
}

export interface HandlerChoice {
  readonly tableName: string;
  /** Its name in this database. */
  readonly destTable: string;
  readonly option: HandlerText | undefined;
  /** The node of this database: its role, and the queue that its own is merged into. */
  readonly node: Pick<NodeInfo, 'nodeType' | 'combinedQueue'>;
  readonly local: Connection;
  readonly settings: HandlerSettings;
  /** The rows are here already, or come by another way than the provider. */
  readonly expectSync: boolean;
  /** The provider and its table; undefined on a root, and where the provider does not have it. */
  readonly above?: { readonly nodeType: NodeType; readonly attributes: string | null } | undefined;
}

/**
 * Completes and checks a handler for one table.
 *
 * A provider that is a branch and has only a part of the table hands on all of its events, so the part is this node's
 * too: it would be sent changes of rows that it could not have copied. Throws PC410.
 */
export async function chooseHandler(choice: HandlerChoice): Promise<ChosenHandler> {
  const { tableName, destTable, local, settings, above } = choice;
  const { nodeType, combinedQueue } = choice.node;
  let text = choice.option;
  const spec = text === undefined ? undefined : findHandler(text.name);
  if (text !== undefined && nodeType === 'root' && spec?.worksOnRoot !== true) {
    const notes = [
      `${tableName}: the handler ${text.name} is for the nodes below, so it is not stored on the root`,
    ];
    return { text: undefined, bound: NO_HANDLER, notes };
  }
  if (nodeType === 'branch' && spec?.isForLeaves === true) {
    throw new ReplicateError(
      'PC410',
      `The handler ${spec.name} is for leaves: nodes below a branch copy its tables as they are.`,
      { table: tableName },
    );
  }
  if (text !== undefined && spec?.complete !== undefined) {
    text = { ...text, args: await spec.complete(text.args, { local, destTable, settings }) };
  }
  const notes: string[] = [];
  const provider = above === undefined ? NO_HANDLER : handlerAbove(tableName, above);
  if (above?.nodeType === 'branch') {
    if (provider.forwards !== 'selected rows' && !isWholeTable(provider.selection)) {
      text = withinProvider(tableName, provider.selection, text);
      notes.push(
        `${tableName}: the provider has only a part of it, so the handler is ${describeHandler(text)}`,
      );
    }
  }
  const bound = text === undefined ? NO_HANDLER : bindText(tableName, text, settings);
  // A table of the root whose inserts are events is there, and empty.
  const isDoor = above?.nodeType === 'root' && provider.triggers === 'inserts only';
  if (!hasRows(provider) && !isDoor && hasRows(bound) && !choice.expectSync) {
    throw new ReplicateError(
      'PC401',
      `The provider has no rows of ${tableName} (handler ${provider.name}) that could be copied.`,
      { table: tableName },
    );
  }
  if (nodeType === 'branch' && bound.forwards === 'selected rows' && isPartial(bound.selection)) {
    throw new ReplicateError(
      'PC410',
      `On a branch the handler ${bound.name} goes without where=: nodes below could not tell which rows came and went.`,
      { table: tableName },
    );
  }
  if (combinedQueue !== null && isPartial(bound.selection)) {
    throw new ReplicateError(
      'PC410',
      `The queue is merged into "${combinedQueue}", so ${tableName} goes without a condition (where=, shard): nodes below could not tell ` +
        'which rows came and went.',
      { table: tableName },
    );
  }
  return { text, bound, notes };
}

/** What a root has is not chosen by a handler, so one of the original's that is not known here does not matter. */
function handlerAbove(tableName: string, above: NonNullable<HandlerChoice['above']>): BoundHandler {
  const handler = tryToBindHandler(tableName, above.attributes, ELSEWHERE);
  if (!(handler instanceof ReplicateError)) return handler;
  if (above.nodeType === 'root') return NO_HANDLER;
  throw handler;
}

function hasRows({ needsNoCopy, needsNoTable }: BoundHandler): boolean {
  return needsNoCopy !== true && needsNoTable !== true;
}

function withinProvider(
  tableName: string,
  { where, columns, values }: RowSelection,
  text: HandlerText | undefined,
): HandlerText {
  if (values.size > 0) throw new RangeError(`The values of ${tableName} are forwarded as they are here.`);
  const args = new Map(text?.args);
  const own = args.get('where');
  const all = [...where, ...(own === undefined || own === null ? [] : [own])];
  if (all.length > 0)
    args.set('where', all.length === 1 ? (all[0] as string) : all.map((part) => `(${part})`).join(' and '));
  if (columns !== undefined) {
    const wanted =
      args
        .get('columns')
        ?.split(',')
        .map((name) => name.trim()) ?? columns;
    const missing = wanted.filter((name) => !columns.includes(name));
    if (missing.length > 0) {
      throw new ReplicateError('PC410', `The provider has no column ${missing.join(', ')} of ${tableName}.`, {
        table: tableName,
      });
    }
    args.set('columns', wanted.join(','));
  }
  return { name: text?.name ?? 'plain', args };
}

/** The triggers that a table gets on this node, and whether it is to be here at all. */
export async function chooseTriggers(
  local: Connection,
  nodeType: NodeType,
  destTable: string,
  { needsNoTable, triggers }: BoundHandler,
): Promise<{ readonly purpose: TriggerOptions['purpose']; readonly isVirtual: boolean }> {
  if (triggers === 'inserts only' && nodeType !== 'leaf') {
    // A branch may become the root: then the table's inserts are events there.
    return { purpose: 'inserts only', isVirtual: (await readRelation(local, destTable)) === undefined };
  }
  const isVirtual = needsNoTable === true;
  if (nodeType !== 'leaf') return { purpose: 'capture', isVirtual };
  return { purpose: triggers === 'none on a leaf' ? 'none' : 'deny', isVirtual };
}
