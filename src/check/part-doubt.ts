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
  return actingDoubt(part, other, table);
}

/** Triggers, rules and statistics that are the same but for their texts. */
function actingDoubt(part: Part, other: Part, table: string): Doubt | undefined {
  if (part.kind === 'trigger' && other.kind === 'trigger') {
    const more = ({ isConstraint, enabled, isInherited }: typeof part) =>
      JSON.stringify([isConstraint, enabled, isInherited]);
    if (more(part) !== more(other)) return undefined;
    const text = ({ isConstraint, events, definition }: typeof part) =>
      `create ${isConstraint ? 'constraint ' : ''}trigger NAME ${events} on PLACE ${definition}`;
    return { kind: 'trigger', table, there: text(part), here: text(other) };
  }
  if (part.kind === 'rule' && other.kind === 'rule') {
    if (part.enabled !== other.enabled || part.event !== other.event) return undefined;
    const text = ({ event, definition }: typeof part) =>
      `create rule NAME as on ${event} to PLACE ${definition}`;
    return { kind: 'rule', table, there: text(part), here: text(other) };
  }
  if (part.kind === 'statistics' && other.kind === 'statistics' && part.target === other.target) {
    const text = ({ definition }: typeof part) => `create statistics pg_temp.NAME${definition} from PLACE`;
    return { kind: 'statistics', table, there: text(part), here: text(other) };
  }
  return undefined;
}
