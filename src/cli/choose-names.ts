import { nearestHint, nearestName } from '../config/nearest-name.js';
import { splitName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { expandNames, isPattern, literalName } from '../replica/expand-names.js';
import type { Output } from './output.js';

export interface ChooseNames {
  /** For messages. */
  readonly kind: 'table' | 'sequence';
  readonly args: readonly string[];
  /** What `--all` means; undefined when it was not given. */
  readonly all: readonly string[] | undefined;
  readonly candidates: readonly string[];
  /** Takes a name that is not among the candidates as it is. */
  readonly acceptUnknown?: boolean;
  /** Warns about a name that is not among the candidates and goes on. */
  readonly skipUnknown?: boolean;
}

/**
 * The full names that a command is to work on. Throws PC400 with the nearest name for one that is not there, PC100
 * when no name was given.
 */
export function chooseNames(output: Output, options: ChooseNames): readonly string[] {
  const { kind, args, all, candidates } = options;
  if (all !== undefined) {
    if (args.length > 0) throw new ReplicateError('PC100', 'Give names or --all, not both.');
    return all;
  }
  if (args.length === 0) throw new ReplicateError('PC100', `Give the names of ${kind}s, or --all.`);
  const { names, unknown } = expandNames(args, candidates);
  const accepted: string[] = [];
  for (const arg of unknown) {
    if (options.acceptUnknown === true && !isPattern(arg)) {
      accepted.push(literalName(arg));
      continue;
    }
    const message = isPattern(arg)
      ? `No ${kind} matches "${arg}".`
      : `There is no ${kind} "${arg}"${hint(arg, candidates)}`;
    if (options.skipUnknown !== true) throw new ReplicateError('PC400', message, { name: arg });
    output.print(`skipped ${arg}: ${message}`);
  }
  return [...names, ...accepted];
}

/** The nearest full name; a name without a schema is compared with the names alone, of any schema. */
function hint(arg: string, candidates: readonly string[]): string {
  if (arg.includes('.')) return nearestHint(arg, candidates);
  const byName = new Map(candidates.map((candidate) => [splitName(candidate).name, candidate]));
  const nearest = nearestName(arg, byName.keys());
  return nearest === undefined ? '.' : `; did you mean "${byName.get(nearest)}"?`;
}
