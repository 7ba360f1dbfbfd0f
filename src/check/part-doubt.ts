import type { IndexObject } from '../schema/database-object.js';
import { sqlName } from '../schema/statements.js';
import type { Doubt } from './finding.js';
import type { Part } from './part.js';

/** What a CHECK says: its expression, and the words behind it. */
interface CheckParts {
  readonly expression: string;
  readonly rest: string;
}

export function checkParts(definition: string): CheckParts | undefined {
  const [, expression, rest = ''] =
    /^CHECK \((.*)\)((?: NO INHERIT| NOT VALID| NOT ENFORCED)*)$/s.exec(definition) ?? [];
  return expression === undefined ? undefined : { expression, rest };
}

/** What this node's server is asked before two texts count as different. */
export function doubtOf(part: Part, other: Part): Doubt | undefined {
  const table = sqlName(other.table);
  if (part.kind === 'check' && other.kind === 'check') {
    const [from, to] = [checkParts(part.definition), checkParts(other.definition)];
    if (from === undefined || to === undefined || from.rest !== to.rest) return undefined;
    return { kind: 'expressions', table, there: [from.expression], here: [to.expression] };
  }
  if (part.kind === 'policy' && other.kind === 'policy') {
    const texts = ({ using, check }: typeof part) => [using, check].filter((text) => text !== null);
    const isElse = (one: typeof part) =>
      JSON.stringify([
        one.command,
        one.isPermissive,
        one.roles.toSorted(),
        one.using === null,
        one.check === null,
      ]);
    if (isElse(part) !== isElse(other)) return undefined;
    return { kind: 'expressions', table, there: texts(part), here: texts(other) };
  }
  if (part.kind === 'index' && other.kind === 'index') {
    const more = ({ isUnique, isClustered, isReplicaIdentity, statistics }: IndexObject) =>
      JSON.stringify([isUnique, isClustered, isReplicaIdentity, statistics]);
    if (more(part) !== more(other)) return undefined;
    return { kind: 'index', table, there: part.definition, here: other.definition };
  }
  if (
    part.kind === 'exclusion' &&
    other.kind === 'exclusion' &&
    part.options.join() === other.options.join()
  ) {
    return { kind: 'constraint', table, there: part.definition, here: other.definition };
  }
  return undefined;
}
