import { type QualifiedName, quoteIdentifier } from '../db/identifier.js';
import { hasColumn } from '../handlers/row-selection.js';
import type { ConstraintObject, DatabaseObject, IndexObject, PartBase } from '../schema/database-object.js';
import { objectStatements } from '../schema/object-statements.js';
import { nameOf } from '../schema/objects-by-name.js';
import { type ObjectStatements, sqlName } from '../schema/statements.js';
import { type CompareContext, isOtherwise, type TablePair } from './compare-context.js';
import { type Candidate, type Doubt, isAlike, isOfVersion, type Severity, shown } from './finding.js';

/** What belongs to a table and is compared as a whole. */
export type Part = Exclude<Extract<DatabaseObject, PartBase>, { kind: 'default' | 'partition' }>;

type Key = ConstraintObject | IndexObject;

/** True for what has an index that tells rows apart, or keeps them apart. */
function isKey(part: Part): part is Key {
  return (
    ['primary key', 'unique', 'exclusion'].includes(part.kind) || (part.kind === 'index' && part.isUnique)
  );
}

/** Compares what belongs to one table: constraints, indexes, triggers, rules, policies, statistics. Pure. */
export function compareParts(
  pair: TablePair,
  there: readonly Part[],
  here: readonly Part[],
  context: CompareContext,
): Candidate[] {
  const comparison = new PartComparison(pair, there, here, context);
  return comparison.run();
}

class PartComparison {
  readonly #pair: TablePair;
  readonly #there: readonly Part[];
  readonly #here: readonly Part[];
  readonly #context: CompareContext;

  constructor(pair: TablePair, there: readonly Part[], here: readonly Part[], context: CompareContext) {
    this.#pair = pair;
    this.#there = there;
    this.#here = here.map((part) => asItWas(part, context));
    this.#context = context;
  }

  run(): Candidate[] {
    const open = new Set(this.#here);
    const unmatched: Part[] = [];
    const findings: Candidate[] = [];
    for (const part of this.#there) {
      const other = this.#sameName(part, open);
      if (other === undefined) {
        unmatched.push(part);
        continue;
      }
      open.delete(other);
      if (this.#isCompared(part)) findings.push(...this.#both(part, other));
    }
    for (const part of unmatched) {
      const other = this.#sameDefinition(part, open);
      if (other !== undefined) {
        open.delete(other);
        if (this.#isCompared(part)) findings.push(...this.#renamed(part, other));
      } else if (this.#isCompared(part)) {
        findings.push(...this.#missing(part));
      }
    }
    for (const part of open) findings.push(...this.#extra(part));
    return findings;
  }

  /** Whether the handler of this node leaves the part as it is on the provider. */
  #isCompared(part: Part): boolean {
    const { selection } = this.#pair.handler;
    if (isOtherwise(this.#pair) && part.kind !== 'policy') return false;
    return part.columns.every((name) => hasColumn(selection, name) && !selection.values.has(name));
  }

  #sameName(part: Part, among: ReadonlySet<Part>): Part | undefined {
    // A table has one primary key and one identity of rows, whatever they are called.
    const isOnly = part.kind === 'primary key' || part.kind === 'replica identity';
    return [...among].find(
      (other) => other.kind === part.kind && (isOnly || partName(other) === partName(part)),
    );
  }

  #sameDefinition(part: Part, among: ReadonlySet<Part>): Part | undefined {
    const wanted = this.#text(unnamed(part));
    return [...among].find((other) => other.kind === part.kind && this.#text(unnamed(other)) === wanted);
  }

  #text(part: Part): string {
    return this.#make(part).create.join(';\n');
  }

  #make(part: Part): ObjectStatements {
    return objectStatements(neutral(part), this.#context.target);
  }

  #finding(
    severity: Severity,
    difference: Candidate['difference'],
    part: Part,
    message: string,
    statements: readonly string[],
  ): Candidate {
    return {
      severity,
      what: whatOf(part),
      difference,
      table: this.#pair.tableName,
      object: partText(part),
      node: this.#context.here,
      message,
      mend: statements.length === 0 ? undefined : { node: this.#context.here, statements },
    };
  }

  #missing(part: Part): Candidate[] {
    const { there, here, keptOff, invalidIndexes } = this.#context;
    if (part.kind === 'foreign key' && keptOff.foreignKeys.has(`${nameOf(part.table)} ${part.name}`))
      return [];
    if (part.kind === 'index') {
      const name = nameOf({ schema: part.table.schema, name: part.name });
      if (invalidIndexes.has(name) || keptOff.indexes.has(name)) return [];
    }
    const made = objectStatements(part, this.#context.target);
    if (made.refused !== undefined) {
      // A version without partitioned indexes has those of the partitions.
      if ('isPartitioned' in part && part.isPartitioned) return [];
      return [
        this.#finding(
          isOfVersion(made.refused) ? 'hint' : 'differs',
          'missing',
          part,
          `${partText(part)} cannot be on "${here}": ${made.refused}`,
          [],
        ),
      ];
    }
    const message = `${partText(part)} is on "${there}" and missing on "${here}"${this.#lossOf(part)}: ${shown(definitionOf(part))}`;
    return [this.#finding('differs', 'missing', part, message, [...made.create])];
  }

  #lossOf(part: Part): string {
    if (!isKey(part) || this.#here.some(isKey)) return '';
    return ', so that each update and delete reads the whole table';
  }

  #extra(part: Part): Candidate[] {
    const { there, here } = this.#context;
    const { severity, why } = this.#weighExtra(part);
    if (severity === 'differs' && isOtherwise(this.#pair)) return [];
    const message = `${partText(part)} is on "${here}" and not on "${there}"${why}: ${shown(definitionOf(part))}`;
    return [this.#finding(severity, 'extra', part, message, dropStatements(part))];
  }

  #weighExtra(part: Part): { readonly severity: Severity; readonly why: string } {
    if (part.kind === 'check') {
      return / NOT ENFORCED\b/.test(part.definition)
        ? { severity: 'differs', why: '' }
        : { severity: 'blocks', why: '; it may refuse rows' };
    }
    if (isKey(part)) {
      return this.#isImplied(part)
        ? { severity: 'differs', why: '' }
        : { severity: 'blocks', why: '; it may refuse rows' };
    }
    if (part.kind === 'rule' && (part.enabled === 'A' || part.enabled === 'R')) {
      return { severity: 'blocks', why: '; it acts on replicated writes' };
    }
    if (part.kind === 'trigger' && (part.enabled === 'A' || part.enabled === 'R')) {
      return { severity: 'differs', why: '; it fires for replicated rows' };
    }
    return { severity: 'differs', why: '' };
  }

  /** Whether the provider has a key that is at least as strict. */
  #isImplied(part: Key): boolean {
    if (part.kind === 'exclusion') return false;
    return this.#there.some(
      (other) =>
        isKey(other) &&
        other.kind !== 'exclusion' &&
        other.columns.length > 0 &&
        !/ WHERE |DEFERRABLE|NULLS NOT DISTINCT/.test(part.definition + other.definition) &&
        !/\([^)]*\(/.test(other.definition) &&
        other.columns.every((column) => part.columns.includes(column)),
    );
  }

  /** Primary keys, which are found by what they are, may have other names too. */
  #renamed(part: Part, other: Part): Candidate[] {
    if (nameOf(this.#pair.there) !== nameOf(this.#pair.here) || !('name' in part) || !('name' in other))
      return [];
    if (partName(part) === partName(other)) return [];
    const { there, here } = this.#context;
    const message = `${partText(part)} of "${there}" is called ${partName(other)} on "${here}"`;
    return [this.#finding('differs', 'different', part, message, renameStatements(part, other))];
  }

  #both(part: Part, other: Part): Candidate[] {
    const isSame =
      facts(part, other) === facts(other, other) ||
      this.#text({ ...part, ...nameLike(other) } as Part) === this.#text(other);
    const renamed = part.kind === 'primary key' ? this.#renamed(part, other) : [];
    if (isSame) return renamed;
    const doubt = doubtOf(part, other);
    if (
      doubt === undefined &&
      isAlike(this.#text({ ...part, ...nameLike(other) } as Part), this.#text(other))
    )
      return renamed;
    const { there, here } = this.#context;
    const [from, to] = [definitionOf(part), definitionOf(other)];
    const [wanted, found] = from === to ? [this.#only(part, other), this.#only(other, part)] : [from, to];
    const { severity, why } = this.#weighDifferent(part, other);
    const message = `${partText(part)} differs${why}: on "${there}" ${shown(wanted)}, on "${here}" ${shown(found)}`;
    const statements = mendStatements(part, other, this.#make(part).create);
    return [...renamed, { ...this.#finding(severity, 'different', part, message, statements), doubt }];
  }

  /** What is said of one beyond its definition. */
  #only(part: Part, other: Part): string {
    const others = new Set(this.#make(other).create);
    const own = this.#make(part).create.filter((statement) => !others.has(statement));
    return own.length === 0 ? 'nothing more' : own.join('; ');
  }

  #weighDifferent(part: Part, other: Part): { readonly severity: Severity; readonly why: string } {
    const refuses = { severity: 'blocks', why: '; this node may refuse rows' } as const;
    if (part.kind === 'check' && other.kind === 'check') {
      const [wanted, found] = [checkParts(part.definition), checkParts(other.definition)];
      const isNewHere = wanted?.expression !== found?.expression || / NOT ENFORCED/.test(wanted?.rest ?? '');
      return isNewHere && !/ NOT ENFORCED/.test(found?.rest ?? '')
        ? refuses
        : { severity: 'differs', why: '' };
    }
    if (isKey(part) && isKey(other)) {
      const isLater = (definition: string) => / DEFERRABLE/.test(definition);
      if (isLater(part.definition) && !isLater(other.definition)) return refuses;
      const columns = (key: Key) => [...new Set(key.columns)].toSorted().join('\n');
      if (columns(part) === columns(other) && part.kind !== 'exclusion') {
        const wanted = part.definition.replace(/ INCLUDE \(.*?\)| (?:NOT )?DEFERRABLE.*$/g, '');
        const found = other.definition.replace(/ INCLUDE \(.*?\)| (?:NOT )?DEFERRABLE.*$/g, '');
        if (wanted === found || !/ WHERE | NULLS NOT DISTINCT|\([^)]*\(/.test(`${wanted}${found}`)) {
          return { severity: 'differs', why: '' };
        }
      }
      return this.#isImplied(other) ? { severity: 'differs', why: '' } : refuses;
    }
    if (part.kind === 'index' && other.kind === 'index' && other.isUnique) return refuses;
    if (other.kind === 'rule' && (other.enabled === 'A' || other.enabled === 'R')) {
      return { severity: 'blocks', why: '; it acts on replicated writes' };
    }
    return { severity: 'differs', why: '' };
  }
}

/** Of two parts without their names those are the same that only have other ones. */
function unnamed(part: Part): Part {
  if (part.kind === 'replica identity') return part;
  if (part.kind === 'statistics') return { ...part, name: { ...part.name, name: 'x' } };
  return { ...part, name: 'x' };
}

/** All that a definition is made of, but for names: two that are alike need not be written out. */
function facts(part: Part, named: Part): string {
  const bare = { ...neutral(part), address: '', key: '', privileges: [], columns: [] };
  return JSON.stringify({ ...bare, ...nameLike(named) });
}

/** A foreign key names the other table with quotes or without. */
function written(part: Part): Part {
  return part.kind === 'foreign key' && part.otherTable !== null ? referringTo(part, part.otherTable) : part;
}

/** The part as it is to be compared: its place in a tree of partitions is another question. */
function neutral(part: Part): Part {
  const bare = {
    ...written(part),
    comment: null,
    owner: null,
    ...('tablespace' in part ? { tablespace: null } : {}),
  };
  if (!('parentIndex' in bare)) return bare;
  return {
    ...bare,
    parentIndex: null,
    ...('indexComment' in bare ? { indexComment: null } : {}),
    ...('isPartitioned' in bare ? { isPartitioned: false } : {}),
  };
}

function nameLike(other: Part): object {
  return 'name' in other ? { name: other.name } : {};
}

/** What this node has switched off for replication counts as it was before. */
function asItWas(part: Part, { keptOff }: CompareContext): Part {
  if (part.kind !== 'trigger' && part.kind !== 'rule') return part;
  const state = keptOff.states.get(`${part.kind} ${nameOf(part.table)} ${part.name}`);
  return state === undefined ? part : { ...part, enabled: state };
}

function partName(part: Part): string {
  if (part.kind === 'replica identity') return '';
  return typeof part.name === 'string' ? part.name : nameOf(part.name);
}

function whatOf(part: Part): string {
  return part.kind === 'index' && part.isUnique ? 'unique index' : part.kind;
}

export function partText(part: Part): string {
  return part.kind === 'replica identity' ? 'the replica identity' : `${whatOf(part)} ${partName(part)}`;
}

/** What it is, in a sentence. */
function definitionOf(part: Part): string {
  switch (part.kind) {
    case 'trigger':
      return `${part.isInherited ? 'of the parent' : `${part.events} ${part.definition}`}${STATES[part.enabled] ?? ''}`;
    case 'rule':
      return `ON ${part.event} ${part.definition}${STATES[part.enabled] ?? ''}`;
    case 'policy':
      return [
        part.isPermissive ? '' : 'RESTRICTIVE',
        `FOR ${part.command} TO ${part.roles.join(', ')}`,
        part.using === null ? '' : `USING (${part.using})`,
        part.check === null ? '' : `WITH CHECK (${part.check})`,
      ]
        .filter((word) => word !== '')
        .join(' ');
    case 'replica identity':
      return part.identity.toUpperCase();
    case 'statistics':
      return `${part.definition.trim()}${part.target === null ? '' : `, target ${part.target}`}`;
    case 'index':
      return part.definition;
    default:
      return part.options.length === 0
        ? part.definition
        : `${part.definition} WITH (${part.options.join(', ')})`;
  }
}

const STATES: Readonly<Record<string, string>> = {
  D: ' (disabled)',
  R: ' (enabled for replicas only)',
  A: ' (enabled always)',
};

interface CheckParts {
  readonly expression: string;
  readonly rest: string;
}

function checkParts(definition: string): CheckParts | undefined {
  const [, expression, rest = ''] =
    /^CHECK \((.*)\)((?: NO INHERIT| NOT VALID| NOT ENFORCED)*)$/s.exec(definition) ?? [];
  return expression === undefined ? undefined : { expression, rest };
}

/** What this node's server is asked before two texts count as different. */
function doubtOf(part: Part, other: Part): Doubt | undefined {
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

function ownName(part: Part, name: string): string {
  return sqlName({ schema: part.table.schema, name });
}

/** The statements that take it away. */
export function dropStatements(part: Part): string[] {
  const table = sqlName(part.table);
  switch (part.kind) {
    case 'index':
      return [`DROP INDEX ${ownName(part, part.name)}`];
    case 'statistics':
      return [`DROP STATISTICS ${sqlName(part.name)}`];
    case 'trigger':
      return part.isInherited ? [] : [`DROP TRIGGER ${quoteIdentifier(part.name)} ON ${table}`];
    case 'rule':
      return [`DROP RULE ${quoteIdentifier(part.name)} ON ${table}`];
    case 'policy':
      return [`DROP POLICY ${quoteIdentifier(part.name)} ON ${table}`];
    case 'replica identity':
      return [`ALTER TABLE ONLY ${table} REPLICA IDENTITY DEFAULT`];
    default:
      return [`ALTER TABLE ${table} DROP CONSTRAINT ${quoteIdentifier(part.name)}`];
  }
}

function renameStatements(part: Part, other: Part): string[] {
  const to = quoteIdentifier(partName(part));
  const table = sqlName(other.table);
  switch (other.kind) {
    case 'index':
      return [`ALTER INDEX ${ownName(other, other.name)} RENAME TO ${to}`];
    case 'trigger':
    case 'rule':
    case 'policy':
      return [`ALTER ${other.kind.toUpperCase()} ${quoteIdentifier(other.name)} ON ${table} RENAME TO ${to}`];
    case 'statistics':
      return [];
    case 'replica identity':
      return [];
    default:
      return [`ALTER TABLE ${table} RENAME CONSTRAINT ${quoteIdentifier(other.name)} TO ${to}`];
  }
}

/** What makes one that is there what it is on the provider. */
function mendStatements(part: Part, other: Part, create: readonly string[]): string[] {
  const table = sqlName(other.table);
  if (part.kind === 'trigger' && other.kind === 'trigger') {
    const isOnlyState = part.events === other.events && part.definition === other.definition;
    if (isOnlyState || part.isInherited)
      return [`ALTER TABLE ${table} ${SWITCH[part.enabled]} TRIGGER ${quoteIdentifier(other.name)}`];
  }
  if (
    part.kind === 'rule' &&
    other.kind === 'rule' &&
    part.definition === other.definition &&
    part.event === other.event
  ) {
    return [`ALTER TABLE ${table} ${SWITCH[part.enabled]} RULE ${quoteIdentifier(other.name)}`];
  }
  if (part.kind === 'check' || part.kind === 'foreign key') {
    if (other.kind === part.kind && other.definition === `${part.definition} NOT VALID`) {
      return [`ALTER TABLE ${table} VALIDATE CONSTRAINT ${quoteIdentifier(other.name)}`];
    }
  }
  return part.kind === 'replica identity' ? [...create] : [...dropStatements(other), ...create];
}

const SWITCH: Readonly<Record<string, string>> = {
  O: 'ENABLE',
  D: 'DISABLE',
  R: 'ENABLE REPLICA',
  A: 'ENABLE ALWAYS',
};

/** A foreign key to a table that has another name here. */
export function referringTo(key: ConstraintObject, to: QualifiedName): ConstraintObject {
  return {
    ...key,
    otherTable: to,
    definition: key.definition.replace(
      / REFERENCES (?:[^("]|"(?:[^"]|"")*")+\(/,
      () => ` REFERENCES ${sqlName(to)}(`,
    ),
  };
}
