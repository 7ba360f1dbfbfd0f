import { hasColumn } from '../handlers/row-selection.js';
import { objectStatements } from '../schema/object-statements.js';
import { nameOf } from '../schema/objects-by-name.js';
import type { ObjectStatements } from '../schema/statements.js';
import { type CompareContext, isOtherwise, type TablePair } from './compare-context.js';
import { type Candidate, isAlike, isOfVersion, type Severity, shown } from './finding.js';
import { dropStatements, mendStatements, renameStatements } from './mend-part.js';
import { asItWas, facts, isKey, type Key, nameLike, neutral, type Part, partName, unnamed } from './part.js';
import { checkParts, doubtOf } from './part-doubt.js';
import { definitionOf, partText, whatOf } from './part-text.js';

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
