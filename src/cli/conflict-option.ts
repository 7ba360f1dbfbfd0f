import { ReplicateError } from '../errors/replicate-error.js';
import type { BoundHandler } from '../handlers/registry.js';
import { CONFLICT_POLICIES, type ConflictPolicy } from '../replica/conflict-policy.js';
import type { OptionSpec } from './command.js';

/** The word that leaves it to the ini file. */
const DEFAULT = 'default';

export const CONFLICT_OPTION: OptionSpec = {
  flags: '--conflict <policy>',
  summary:
    'What the worker does when an event of the table cannot be applied: park, stop, ignore-missing (leaves out changes of rows that are not here, parks on all else), or default: what "conflict" in its ini file says.',
};

/** What the option says; undefined when it was not given. Throws PC100. */
export function conflictOption(
  options: Readonly<Record<string, unknown>>,
): ConflictPolicy | typeof DEFAULT | undefined {
  const word = options['conflict'] as string | undefined;
  if (word === undefined || word === DEFAULT) return word;
  const policy = CONFLICT_POLICIES.find((known) => known === word);
  if (policy !== undefined) return policy;
  throw new ReplicateError(
    'PC100',
    `--conflict=${word} is none of ${[...CONFLICT_POLICIES, DEFAULT].join(', ')}.`,
  );
}

/** Throws PC303 on a root, which applies no events. */
export function refuseConflictOnRoot({ nodeType, nodeName }: { nodeType: string; nodeName: string }): void {
  if (nodeType !== 'root') return;
  throw new ReplicateError(
    'PC303',
    `Node "${nodeName}" is the root, where no events are applied: --conflict is said on the nodes below.`,
  );
}

/** Throws PC410 where the handler does not write row by row as the events say, so that no row is missing for it. */
export function checkConflictOption(
  tableName: string,
  policy: ConflictPolicy | typeof DEFAULT | undefined,
  { name, takeOver }: BoundHandler,
): void {
  if (policy !== 'ignore-missing' || takeOver === undefined) return;
  throw new ReplicateError(
    'PC410',
    `--conflict=ignore-missing does not go with the handler ${name} of ${tableName}, which looks for rows by itself.`,
    { table: tableName },
  );
}
