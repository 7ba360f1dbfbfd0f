import { ReplicateError } from '../errors/replicate-error.js';
import { applyfn } from './applyfn.js';
import { bulk } from './bulk.js';
import { bothSelections, COMMON_ARGUMENTS, commonSelection } from './common-arguments.js';
import type { HandlerArgument, HandlerSettings, HandlerSpec, TableHandler } from './contract.js';
import { DISPATCH_PRESETS, dispatch } from './dispatch.js';
import { type HandlerText, readHandlerText } from './handler-text.js';
import { multimaster } from './multimaster.js';
import { obfuscate } from './obfuscate.js';
import { plain } from './plain.js';
import { qsplitter } from './qsplitter.js';
import { qtable } from './qtable.js';
import { isWholeTable, type RowSelection, WHOLE_TABLE } from './row-selection.js';
import { shard } from './shard.js';
import { vtable } from './vtable.js';

/** Every kind of handler, in the order in which `show-handlers` lists them. */
export const HANDLERS: readonly HandlerSpec[] = [
  plain,
  shard,
  obfuscate,
  qtable,
  qsplitter,
  vtable,
  applyfn,
  multimaster,
  bulk,
  dispatch,
  ...DISPATCH_PRESETS,
];

/** The handler of one table, with the selection that its own and the common arguments make together. */
export interface BoundHandler extends TableHandler {
  readonly name: string;
  readonly selection: RowSelection;
}

/** The handler of a table that has none. */
export const NO_HANDLER: BoundHandler = { name: plain.name, selection: WHOLE_TABLE };

/** The kind of handler of this name. Throws PC410 naming those that there are. Pure. */
export function findHandler(name: string): HandlerSpec {
  // Londiste takes the module's name too: londiste.handlers.bulk.
  const short = name.replace(/^londiste\.handlers\./, '');
  const found = HANDLERS.find((spec) => spec.name === short || spec.aliases?.includes(short) === true);
  if (found !== undefined) return found;
  const known = HANDLERS.filter(({ presetOf }) => presetOf === undefined)
    .map((spec) => spec.name)
    .join(', ');
  throw new ReplicateError('PC410', `There is no handler "${name}". There are: ${known}.`, { handler: name });
}

/** The handler that the attributes of a table name. Throws PC410 when there is none such or its arguments do not fit. Pure. */
export function bindHandler(
  tableName: string,
  tableAttributes: string | null,
  settings: HandlerSettings,
): BoundHandler {
  const text = readHandlerText(tableAttributes);
  return text === undefined ? NO_HANDLER : bindText(tableName, text, settings);
}

/** As `bindHandler`; PC410 is returned and not thrown. */
export function tryToBindHandler(...args: Parameters<typeof bindHandler>): BoundHandler | ReplicateError {
  try {
    return bindHandler(...args);
  } catch (error) {
    if (error instanceof ReplicateError && error.code === 'PC410') return error;
    throw error;
  }
}

/**
 * True when a node with this handler has the rows of its provider, all and as they are; a table that is only a door to the queue has none
 * anywhere. An unknown handler may do anything. Pure.
 */
export function hasWholeTable(handler: BoundHandler | ReplicateError): boolean {
  if (handler instanceof ReplicateError) return false;
  if (handler.triggers === 'inserts only') return true;
  return isWholeTable(handler.selection) && handler.notComparable === undefined;
}

/** The same for a handler that is not stored yet. */
export function bindText(tableName: string, text: HandlerText, settings: HandlerSettings): BoundHandler {
  const spec = findHandler(text.name);
  checkArguments(spec, text);
  const bound = spec.bind({ tableName, own: text.args, settings });
  const selection = bothSelections(bound.selection ?? WHOLE_TABLE, commonSelection(text.args));
  return { ...bound, name: spec.name, selection };
}

/** All arguments of a kind of handler, its own first. */
export function argumentsOf({ arguments: own, commonArguments }: HandlerSpec): readonly HandlerArgument[] {
  const common = COMMON_ARGUMENTS.filter(({ name }) => commonArguments?.includes(name) !== false);
  return [...own, ...common];
}

function checkArguments(spec: HandlerSpec, { args }: HandlerText): void {
  const all = argumentsOf(spec);
  const names = all.map(({ name }) => name);
  for (const name of args.keys()) {
    if (names.includes(name)) continue;
    throw new ReplicateError(
      'PC410',
      `The handler ${spec.name} has no argument "${name}". It has: ${names.join(', ')}.`,
      { handler: spec.name, argument: name },
    );
  }
  const missing = spec.arguments.filter(({ name, isRequired }) => isRequired === true && !args.has(name));
  if (missing.length === 0) return;
  throw new ReplicateError(
    'PC410',
    `The handler ${spec.name} needs the ${missing.length === 1 ? 'argument' : 'arguments'} ${missing.map(({ name }) => name).join(', ')}.`,
    { handler: spec.name },
  );
}
