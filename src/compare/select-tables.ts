import type { ErrorCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { ELSEWHERE, type HandlerSettings } from '../handlers/contract.js';
import { tryToBindHandler } from '../handlers/registry.js';
import { expandNames, isPattern } from '../replica/expand-names.js';
import type { ReplicatedTable } from '../replica/table-list.js';
import { describeTableState } from '../replica/table-state.js';

/**
 * The names of the tables that a person means; without arguments all that are replicated on this node. Throws PC400
 * for an argument that names no table of the queue, PC406 when there is nothing to compare.
 *
 * A pattern means tables of this node; a full name may also be that of a table that only other nodes have, which
 * then cannot be checked.
 */
export function selectTables(args: readonly string[], tables: readonly ReplicatedTable[]): readonly string[] {
  const localNames = tables.filter((table) => table.isLocal).map((table) => table.name);
  const allNames = tables.map((table) => table.name);
  const found = args.map((arg) => expandNames([arg], isPattern(arg) ? localNames : allNames));
  const unknown = found.flatMap((expanded) => expanded.unknown);
  if (unknown.length > 0) {
    throw new ReplicateError('PC400', `No replicated table of this node is named ${unknown.join(', ')}.`);
  }
  const names = args.length === 0 ? localNames : [...new Set(found.flatMap((expanded) => expanded.names))];
  return names;
}

/** Why a table of the queue cannot be compared. */
export interface Obstacle {
  readonly code: ErrorCode;
  readonly reason: string;
}

/**
 * What keeps a table from being compared, as both nodes have it at the tick; undefined when nothing does. What it is
 * compared by is the subscriber's handler; the provider's says which rows there are. `takesParked`: a parked table of the
 * subscriber is none; its rows are those of an earlier tick and do not change.
 */
export function findObstacle(
  provider: ReplicatedTable | undefined,
  subscriber: ReplicatedTable | undefined,
  settings: HandlerSettings,
  takesParked = false,
): Obstacle | undefined {
  const isTaken = takesParked && subscriber?.state.kind === 'parked' && !subscriber.state.isWaiting;
  return (
    (isTaken ? undefined : stateObstacle(subscriber, 'on this node')) ??
    stateObstacle(provider, 'on the provider') ??
    handlerObstacle(subscriber, settings) ??
    handlerObstacle(provider, ELSEWHERE)
  );
}

function stateObstacle(table: ReplicatedTable | undefined, where: string): Obstacle | undefined {
  if (table === undefined) return { code: 'PC501', reason: `It is not replicated ${where}.` };
  if (table.state.kind === 'ok') return undefined;
  return { code: 'PC501', reason: `It is not in sync ${where}: ${describeTableState(table.state)}.` };
}

/** What a handler does that is not known is not known: equal would then not mean what it says. */
function handlerObstacle(
  table: ReplicatedTable | undefined,
  settings: HandlerSettings,
): Obstacle | undefined {
  if (table === undefined) return undefined;
  const handler = tryToBindHandler(table.name, table.attrs, settings);
  if (handler instanceof ReplicateError) return { code: handler.code, reason: handler.message };
  const { notComparable } = handler;
  return notComparable === undefined ? undefined : { code: 'PC503', reason: notComparable };
}
