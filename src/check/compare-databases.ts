import type { QualifiedName } from '../db/identifier.js';
import { NO_HANDLER } from '../handlers/registry.js';
import type { DatabaseObject, DatabaseSchema } from '../schema/database-object.js';
import { NEEDED_BY_TABLES } from '../schema/needed-by-tables.js';
import { nameOf, ObjectsByName } from '../schema/objects-by-name.js';
import type { CompareContext, TablePair } from './compare-context.js';
import {
  compareObject,
  extraDomainConstraint,
  extraObject,
  missingObject,
  type Standalone,
} from './compare-object.js';
import { compareParts } from './compare-parts.js';
import { compareSequence } from './compare-sequence.js';
import { compareTable, type SequenceHere } from './compare-table.js';
import type { Candidate } from './finding.js';
import type { Part } from './part.js';
import { type TableTree, tableTree } from './table-tree.js';

export interface Compared {
  readonly tables: readonly TablePair[];
  /** Replicated sequences. */
  readonly sequences: readonly QualifiedName[];
  /** All objects of both databases, not only those of replicated tables and what these need. */
  readonly everything: boolean;
}

/** Compares what two databases have: the first is the provider's, the second this node's. Pure. */
export function compareDatabases(
  source: DatabaseSchema,
  present: DatabaseSchema,
  compared: Compared,
  context: CompareContext,
): Candidate[] {
  const [there, here] = [new ObjectsByName(source), new ObjectsByName(present)];
  const candidates: Candidate[] = [];
  /** Keys of what is compared already, as part of a table. */
  const done = new Set<string>();
  const needs = new Set<string>();
  const sequenceHere: SequenceHere = (name) => {
    const object = here.byKey.get(`sequence ${name}`);
    return object?.kind === 'sequence' ? object : undefined;
  };
  for (const pair of compared.everything
    ? [...compared.tables, ...otherTables(there, here, compared.tables)]
    : compared.tables) {
    const [tree, own] = [
      tableTree(there, pair.there, pair.here, context.namesHere),
      tableTree(here, pair.here),
    ];
    candidates.push(...comparePair(pair, tree, own, context, sequenceHere));
    if (tree === undefined || own === undefined) continue;
    for (const { sequence } of tree.sequences) done.add(sequence.key);
    for (const { sequence } of own.sequences) done.add(sequence.key);
    if (isWhole(pair)) for (const key of keysOf(tableTree(there, pair.there) ?? tree)) needs.add(key);
  }
  for (const name of compared.sequences) {
    const key = `sequence ${nameOf(name)}`;
    const sequence = there.byKey.get(key);
    if (sequence?.kind === 'sequence' && !done.has(key)) {
      candidates.push(...compareSequence(sequence, sequenceHere(nameOf(name)), true, context));
    }
    done.add(key);
  }
  const standing = compared.everything ? there.source.objects.filter(isStandalone) : closure(there, needs);
  for (const object of standing) {
    if (done.has(object.key)) continue;
    done.add(object.key);
    candidates.push(...compareObject(object, here.byKey.get(object.key), context));
    if (object.kind === 'domain') candidates.push(...extraConditions(object.name, there, here, context));
    if (object.kind === 'view' || object.kind === 'materialized view') {
      candidates.push(...compareViewParts(object.name, there, here, context));
    }
  }
  if (!compared.everything) return candidates;
  const known = new Set(there.source.objects.map(({ key }) => key));
  const extra = here.source.objects.filter(
    (object) =>
      isStandalone(object) &&
      object.kind !== 'domain constraint' &&
      !known.has(object.key) &&
      !done.has(object.key),
  );
  return [...candidates, ...extra.map((object) => extraObject(object, context))];
}

function comparePair(
  pair: TablePair,
  there: TableTree | undefined,
  here: TableTree | undefined,
  context: CompareContext,
  sequenceHere: SequenceHere,
): Candidate[] {
  if (there !== undefined && here !== undefined) {
    const candidates = compareTable(pair, there, here, context, sequenceHere);
    // What is not replicated cannot keep replication from anything.
    return pair.tableName !== null
      ? candidates
      : candidates.map((one) => (one.severity === 'blocks' ? { ...one, severity: 'differs' } : one));
  }
  // Replicated tables that are not there are told by each side's own hindrances.
  if (pair.tableName !== null || (there === undefined && here === undefined)) return [];
  const table = (there ?? here)?.top.table as DatabaseObject;
  if (there === undefined) return [extraObject(table, context)];
  return [missingObject(table, context)];
}

/** Tables of the databases that are not in the queue, but for partitions, which are compared with what they are part of. */
function otherTables(there: ObjectsByName, here: ObjectsByName, pairs: readonly TablePair[]): TablePair[] {
  const known = new Set(
    pairs.flatMap((pair) => [`there ${nameOf(pair.there)}`, `here ${nameOf(pair.here)}`]),
  );
  const names = new Map<string, QualifiedName>();
  for (const [side, { source }] of [
    ['there', there],
    ['here', here],
  ] as const) {
    for (const object of source.objects) {
      if (object.kind !== 'table' || object.isPartition || known.has(`${side} ${nameOf(object.name)}`))
        continue;
      names.set(nameOf(object.name), object.name);
    }
  }
  return [...names.values()].map((name) => ({
    tableName: null,
    there: name,
    here: name,
    handler: NO_HANDLER,
    ignored: new Set(),
  }));
}

function isWhole({ handler: { selection, columnHere } }: TablePair): boolean {
  return selection.columns === undefined && selection.values.size === 0 && columnHere === undefined;
}

/** Keys of a table's objects under the names of their own database. */
function keysOf({ top, partitions }: TableTree): string[] {
  return [top, ...partitions].flatMap(({ table, parts, defaults }) => [
    table.key,
    ...parts.map(({ key }) => key),
    ...[...defaults.keys()].map((column) => `default ${nameOf(table.name)} ${column}`),
  ]);
}

/** All that the objects need, with what that needs: not tables and views, which are not made for them. */
function closure(source: ObjectsByName, keys: ReadonlySet<string>): Standalone[] {
  const seen = new Set(keys);
  const found: Standalone[] = [];
  const open = [...keys];
  for (let key = open.pop(); key !== undefined; key = open.pop()) {
    const needed = [...(source.source.needs.get(key) ?? [])];
    const own = source.byKey.get(key);
    if (own?.kind === 'domain') {
      needed.push(
        ...(source.domainConstraints.get(nameOf(own.name)) ?? []).map((constraint) => constraint.key),
      );
    }
    for (const need of needed) {
      const object = source.byKey.get(need);
      if (seen.has(need) || object === undefined) continue;
      seen.add(need);
      if (!NEEDED_BY_TABLES.has(object.kind)) continue;
      found.push(object as Standalone);
      open.push(need);
    }
  }
  return found;
}

function isStandalone(object: DatabaseObject): object is Standalone {
  return !('table' in object) && object.kind !== 'table';
}

function extraConditions(
  domain: QualifiedName,
  there: ObjectsByName,
  here: ObjectsByName,
  context: CompareContext,
): Candidate[] {
  const known = new Set((there.domainConstraints.get(nameOf(domain)) ?? []).map(({ key }) => key));
  return (here.domainConstraints.get(nameOf(domain)) ?? []).flatMap((constraint) =>
    known.has(constraint.key) || constraint.kind !== 'domain constraint'
      ? []
      : [extraDomainConstraint(constraint, context)],
  );
}

function compareViewParts(
  name: QualifiedName,
  there: ObjectsByName,
  here: ObjectsByName,
  context: CompareContext,
): Candidate[] {
  const pair: TablePair = {
    tableName: null,
    there: name,
    here: name,
    handler: NO_HANDLER,
    ignored: new Set(),
  };
  const parts = (side: ObjectsByName) =>
    (side.parts.get(nameOf(name)) ?? []).filter(
      (part): part is Part =>
        'table' in part && !['default', 'partition', 'sequence owner'].includes(part.kind),
    );
  return compareParts(pair, parts(there), parts(here), context);
}
