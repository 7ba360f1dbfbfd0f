import { quoteIdentifier } from '../db/identifier.js';
import type {
  ConstraintObject,
  DatabaseObject,
  IndexObject,
  PartBase,
  PolicyObject,
  RuleObject,
  StatisticsObject,
  TriggerObject,
} from './database-object.js';
import { roleText } from './grant-statements.js';
import { commentStatements, Lacks, sqlName, sqlOption } from './statements.js';
import { knownOptions, knownTablespace } from './table-statements.js';
import type { Target } from './target.js';

export interface PartStatements {
  readonly create: readonly string[];
  readonly comments: readonly string[];
  readonly notes: readonly string[];
  readonly refused: string | undefined;
}

type Part = Extract<DatabaseObject, PartBase>;

const INCLUDE = / INCLUDE \((?:[^()"]|"(?:[^"]|"")*")*\)/;

/** The statements that make what belongs to a table. */
export function partStatements(part: Part, target: Target): PartStatements {
  const lacks = new Lacks(target.version);
  const made = makePart(part, target, lacks);
  if ('refused' in made) return { create: [], comments: [], notes: [], refused: made.refused };
  return {
    create: made.create,
    comments: [
      ...(made.commented === undefined ? [] : commentStatements(made.commented, part.comment)),
      ...(made.comments ?? []),
    ],
    notes: lacks.notes,
    refused: undefined,
  };
}

type MadePart =
  | { readonly create: string[]; readonly commented?: string; readonly comments?: readonly string[] }
  | { readonly refused: string };

function makePart(part: Part, target: Target, lacks: Lacks): MadePart {
  const table = sqlName(part.table);
  switch (part.kind) {
    case 'default':
      return {
        create: [
          `ALTER TABLE ONLY ${table} ALTER COLUMN ${quoteIdentifier(part.column)} SET DEFAULT ${part.expression}`,
        ],
      };
    case 'partition':
      if (part.bound === 'DEFAULT' && lacks.before(11)) return refusedBefore(11);
      return { create: [`ALTER TABLE ONLY ${sqlName(part.parent)} ATTACH PARTITION ${table} ${part.bound}`] };
    case 'replica identity':
      return { create: [`ALTER TABLE ONLY ${table} REPLICA IDENTITY ${part.identity.toUpperCase()}`] };
    case 'index':
      return indexStatements(part, table, target, lacks);
    case 'statistics':
      return statisticsStatements(part, table, lacks);
    case 'trigger':
      return triggerStatements(part, table, lacks);
    case 'rule':
      return ruleStatements(part, table);
    case 'policy':
      return policyStatements(part, table, target);
    default:
      return constraintStatements(part, table, target, lacks);
  }
}

function refusedBefore(major: number): MadePart {
  return { refused: `PostgreSQL before ${major} does not know it` };
}

function constraintStatements(part: ConstraintObject, table: string, target: Target, lacks: Lacks): MadePart {
  const name = quoteIdentifier(part.name);
  const commented = `CONSTRAINT ${name} ON ${table}`;
  const { kind } = part;
  if (/ NOT ENFORCED\b/.test(part.definition) && lacks.before(18)) return refusedBefore(18);
  if (kind === 'check') {
    const only = / NO INHERIT\b/.test(part.definition) ? 'ONLY ' : '';
    return { create: [`ALTER TABLE ${only}${table} ADD CONSTRAINT ${name} ${part.definition}`], commented };
  }
  if (part.isPartitioned && lacks.before(11)) return refusedBefore(11);
  if (kind === 'foreign key') {
    if (/\bPERIOD\b/.test(part.definition) && lacks.before(18)) return refusedBefore(18);
    const only = part.isPartitioned ? '' : 'ONLY ';
    return { create: [`ALTER TABLE ${only}${table} ADD CONSTRAINT ${name} ${part.definition}`], commented };
  }
  if (/ WITHOUT OVERLAPS\)/.test(part.definition) && lacks.before(18)) return refusedBefore(18);
  const definition = knownIndexText(part.definition, `constraint ${part.name}`, lacks);
  return {
    create: [
      `ALTER TABLE ONLY ${table} ADD CONSTRAINT ${name} ${definition}`,
      ...indexOptions(part, lacks),
      ...indexPlace(part, target, lacks),
      ...indexState(part, table, lacks),
    ],
    commented,
    comments: commentStatements(`INDEX ${indexName(part)}`, part.indexComment),
  };
}

/** What stands in a key's or an index's definition, without what the target does not know. */
function knownIndexText(definition: string, what: string, lacks: Lacks): string {
  let text = definition;
  if (INCLUDE.test(text) && lacks.before(11, `INCLUDE of ${what} is left out`))
    text = text.replace(INCLUDE, '');
  if (/ NULLS NOT DISTINCT\b/.test(text) && lacks.before(15, `NULLS NOT DISTINCT of ${what} is left out`)) {
    text = text.replace(/ NULLS NOT DISTINCT\b/, '');
  }
  return text;
}

function indexOptions(part: ConstraintObject, lacks: Lacks): string[] {
  const options = knownOptions(part.options, lacks);
  if (options.length === 0) return [];
  return [`ALTER INDEX ${indexName(part)} SET (${options.map(sqlOption).join(', ')})`];
}

function indexName(part: ConstraintObject | IndexObject): string {
  return sqlName({ schema: part.table.schema, name: part.name });
}

function indexPlace(part: ConstraintObject | IndexObject, target: Target, lacks: Lacks): string[] {
  const tablespace = knownTablespace(part.tablespace, target, lacks);
  if (tablespace === undefined) return [];
  // Nothing is kept in it but where those of new partitions are to be.
  if (part.isPartitioned && lacks.before(12, `tablespace of index ${part.name} is left out`)) return [];
  return [`ALTER INDEX ${indexName(part)} SET TABLESPACE ${tablespace}`];
}

function indexState(part: ConstraintObject | IndexObject, table: string, lacks: Lacks): string[] {
  const statements: string[] = [];
  if (part.parentIndex !== null && !lacks.before(11)) {
    statements.push(`ALTER INDEX ${sqlName(part.parentIndex)} ATTACH PARTITION ${indexName(part)}`);
  }
  if (part.isClustered) statements.push(`ALTER TABLE ${table} CLUSTER ON ${quoteIdentifier(part.name)}`);
  if (part.isReplicaIdentity) {
    statements.push(`ALTER TABLE ONLY ${table} REPLICA IDENTITY USING INDEX ${quoteIdentifier(part.name)}`);
  }
  return statements;
}

function indexStatements(part: IndexObject, table: string, target: Target, lacks: Lacks): MadePart {
  if (part.isPartitioned && lacks.before(11)) return refusedBefore(11);
  const name = quoteIdentifier(part.name);
  const own = indexName(part);
  const definition = knownIndexText(part.definition, `index ${part.name}`, lacks);
  const create = [
    `CREATE ${part.isUnique ? 'UNIQUE ' : ''}INDEX ${name} ON ${part.isPartitioned ? 'ONLY ' : ''}${table} ${definition}`,
    ...indexPlace(part, target, lacks),
    ...indexState(part, table, lacks),
  ];
  for (const { position, target } of part.statistics) {
    if (lacks.before(11, `statistics target of index ${part.name} is left out`)) continue;
    create.push(`ALTER INDEX ${own} ALTER COLUMN ${position} SET STATISTICS ${target}`);
  }
  return { create, commented: `INDEX ${own}` };
}

function statisticsStatements(part: StatisticsObject, table: string, lacks: Lacks): MadePart {
  const name = sqlName(part.name);
  if (/^\s*\([^)]*\bmcv\b/.test(part.definition) && lacks.before(12)) return refusedBefore(12);
  const create = [`CREATE STATISTICS ${name}${part.definition} FROM ${table}`];
  if (part.target !== null && !lacks.before(13, `target of statistics ${part.name.name} is left out`)) {
    create.push(`ALTER STATISTICS ${name} SET STATISTICS ${part.target}`);
  }
  return { create, commented: `STATISTICS ${name}` };
}

const STATES: Readonly<Record<string, string>> = {
  O: 'ENABLE',
  D: 'DISABLE',
  R: 'ENABLE REPLICA',
  A: 'ENABLE ALWAYS',
};

function triggerStatements(part: TriggerObject, table: string, lacks: Lacks): MadePart {
  const name = quoteIdentifier(part.name);
  const state = `ALTER TABLE ${table} ${STATES[part.enabled]} TRIGGER ${name}`;
  if (part.isInherited) return { create: [state] };
  const call = part.definition.lastIndexOf('EXECUTE FUNCTION ');
  const definition = lacks.before(11)
    ? `${part.definition.slice(0, call)}EXECUTE PROCEDURE ${part.definition.slice(call + 'EXECUTE FUNCTION '.length)}`
    : part.definition;
  const kind = part.isConstraint ? 'CONSTRAINT TRIGGER' : 'TRIGGER';
  const create = [`CREATE ${kind} ${name} ${part.events} ON ${table} ${definition}`];
  if (part.enabled !== 'O') create.push(state);
  return { create, commented: `TRIGGER ${name} ON ${table}` };
}

function ruleStatements(part: RuleObject, table: string): MadePart {
  const name = quoteIdentifier(part.name);
  const create = [`CREATE RULE ${name} AS ON ${part.event} TO ${table} ${part.definition}`];
  if (part.enabled !== 'O') create.push(`ALTER TABLE ${table} ${STATES[part.enabled]} RULE ${name}`);
  return { create, commented: `RULE ${name} ON ${table}` };
}

function policyStatements(part: PolicyObject, table: string, target: Target): MadePart {
  const missing = part.roles.filter((role) => role !== 'PUBLIC' && !target.roles.has(role));
  if (missing.length > 0) {
    const create = missing.map((role) => `CREATE ROLE ${roleText(role)}`).join('; ');
    return { refused: `role "${missing.join('", "')}" does not exist there: run ${create}` };
  }
  const name = quoteIdentifier(part.name);
  const words = [
    `CREATE POLICY ${name} ON ${table}`,
    part.isPermissive ? '' : 'AS RESTRICTIVE',
    `FOR ${part.command}`,
    `TO ${part.roles.map(roleText).join(', ')}`,
    part.using === null ? '' : `USING (${part.using})`,
    part.check === null ? '' : `WITH CHECK (${part.check})`,
  ];
  return { create: [words.filter((word) => word !== '').join(' ')], commented: `POLICY ${name} ON ${table}` };
}
