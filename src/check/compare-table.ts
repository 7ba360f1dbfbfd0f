import { hasColumn } from '../handlers/row-selection.js';
import type { SequenceObject, TableObject } from '../schema/database-object.js';
import { objectStatements } from '../schema/object-statements.js';
import { nameOf } from '../schema/objects-by-name.js';
import { allStatements, Lacks, sqlName, sqlOption } from '../schema/statements.js';
import { knownOptions } from '../schema/table-statements.js';
import { compareColumns } from './compare-columns.js';
import type { CompareContext, TablePair } from './compare-context.js';
import { compareDefaults } from './compare-defaults.js';
import { compareParts } from './compare-parts.js';
import { compareRights } from './compare-rights.js';
import { compareSequence, compareSequenceOwners } from './compare-sequence.js';
import { type Candidate, isAlike, type Severity } from './finding.js';
import type { TableTree, TreeTable } from './table-tree.js';

/** Compares one table with its partitions and all that belongs to them. Both have the names that they have here. Pure. */
export function compareTable(
  pair: TablePair,
  there: TableTree,
  here: TableTree,
  context: CompareContext,
  sequenceHere: SequenceHere,
): Candidate[] {
  const { hasParts, columnHere, selection } = pair.handler;
  const isWhole = columnHere === undefined && selection.columns === undefined && selection.values.size === 0;
  return [
    ...compareOne(pair, there.top, here.top, context),
    ...(hasParts === true ? [] : comparePartitioning(pair, there, here, context)),
    ...(isWhole && hasParts !== true ? compareSequences(pair, there, here, context, sequenceHere) : []),
  ];
}

/** The sequence of a name here, whoever it belongs to. */
export type SequenceHere = (name: string) => SequenceObject | undefined;

function compareSequences(
  pair: TablePair,
  there: TableTree,
  here: TableTree,
  context: CompareContext,
  sequenceHere: SequenceHere,
): Candidate[] {
  return [
    ...compareSequenceOwners(pair.tableName, there.sequences, here.sequences, context),
    ...there.sequences.flatMap(({ sequence }) =>
      compareSequence(
        sequence,
        sequenceHere(nameOf(sequence.name)),
        context.sequences.has(nameOf(sequence.name)),
        context,
      ),
    ),
  ];
}

function compareOne(
  pair: TablePair,
  there: TreeTable,
  here: TreeTable,
  context: CompareContext,
): Candidate[] {
  const { selection, columnHere } = pair.handler;
  const name = `TABLE ${sqlName(here.table.name)}`;
  const isHere = (column: string | undefined) =>
    column === undefined || (columnHere === undefined && hasColumn(selection, column));
  const privileges = there.table.privileges.filter(({ column }) => isHere(column));
  return [
    ...compareColumns(pair, there, here, context),
    ...compareDefaults(pair, there, here, context),
    ...compareParts(pair, there.parts, here.parts, context),
    ...compareFacets(pair, there.table, here.table, context),
    ...compareRights(
      {
        table: pair.tableName,
        object: `table ${nameOf(here.table.name)}`,
        owned: name,
        granted: name,
        there: { owner: there.table.owner, privileges },
        here: {
          owner: here.table.owner,
          privileges: here.table.privileges.filter(({ column }) => isHere(column)),
        },
      },
      context,
    ),
  ];
}

const ACCESS_METHODS_SINCE = 120_000;

/** What is said of the table as a whole. */
function compareFacets(
  pair: TablePair,
  there: TableObject,
  here: TableObject,
  context: CompareContext,
): Candidate[] {
  const table = sqlName(here.name);
  const findings: Candidate[] = [];
  const add = (what: string, from: string, to: string, statements: readonly string[]) => {
    if (from === to) return;
    findings.push({
      severity: 'differs',
      what,
      difference: 'different',
      table: pair.tableName,
      object: `table ${nameOf(here.name)}`,
      node: context.here,
      message: `${what} of table ${nameOf(here.name)}: ${from} on "${context.there}", ${to} on "${context.here}"`,
      mend: statements.length === 0 ? undefined : { node: context.here, statements },
    });
  };
  const onOff = (value: boolean) => (value ? 'on' : 'off');
  const options = (one: TableObject) =>
    knownOptions(one.options, new Lacks(Math.min(context.target.version, context.versionThere))).toSorted();
  const [wanted, found] = [options(there), options(here)];
  const reset = found.filter(
    (option) => !wanted.some((other) => nameOfOption(other) === nameOfOption(option)),
  );
  add('storage options', wanted.join(', ') || 'none', found.join(', ') || 'none', [
    ...(wanted.length === 0 ? [] : [`ALTER TABLE ${table} SET (${wanted.map(sqlOption).join(', ')})`]),
    ...(reset.length === 0 ? [] : [`ALTER TABLE ${table} RESET (${reset.map(nameOfOption).join(', ')})`]),
  ]);
  add('row security', onOff(there.rowSecurity), onOff(here.rowSecurity), [
    `ALTER TABLE ${table} ${there.rowSecurity ? 'ENABLE' : 'DISABLE'} ROW LEVEL SECURITY`,
  ]);
  add('forced row security', onOff(there.forceRowSecurity), onOff(here.forceRowSecurity), [
    `ALTER TABLE ONLY ${table} ${there.forceRowSecurity ? '' : 'NO '}FORCE ROW LEVEL SECURITY`,
  ]);
  if (Math.min(context.target.version, context.versionThere) >= ACCESS_METHODS_SINCE) {
    add('access method', there.accessMethod ?? 'heap', here.accessMethod ?? 'heap', []);
  }
  const type = (one: TableObject) => one.ofType ?? 'none';
  add('type', type(there), type(here), [
    there.ofType === null ? `ALTER TABLE ${table} NOT OF` : `ALTER TABLE ${table} OF ${there.ofType}`,
  ]);
  if (pair.handler.hasParts !== true) {
    const parents = (one: TableObject) =>
      one.parents.map((parent) => nameOf(context.namesHere.get(nameOf(parent)) ?? parent)).join(', ') ||
      'none';
    add('parents', parents(there), here.parents.map(nameOf).join(', ') || 'none', [
      ...there.parents
        .map((parent) => context.namesHere.get(nameOf(parent)) ?? parent)
        .filter((parent) => !here.parents.some((other) => nameOf(other) === nameOf(parent)))
        .map((parent) => `ALTER TABLE ${table} INHERIT ${sqlName(parent)}`),
    ]);
  }
  if (pair.tableName === null && there.isUnlogged !== here.isUnlogged) {
    const kept = (isUnlogged: boolean) => (isUnlogged ? 'unlogged' : 'logged');
    add('persistence', kept(there.isUnlogged), kept(here.isUnlogged), [
      `ALTER TABLE ${table} SET ${kept(there.isUnlogged).toUpperCase()}`,
    ]);
  }
  return findings;
}

function nameOfOption(option: string): string {
  return option.split('=')[0] ?? option;
}

function comparePartitioning(
  pair: TablePair,
  there: TableTree,
  here: TableTree,
  context: CompareContext,
): Candidate[] {
  const [from, to] = [there.top.table.partitionKey, here.top.table.partitionKey];
  if (from === null && to === null) return [];
  const name = nameOf(here.top.table.name);
  const finding = (
    severity: Severity,
    difference: Candidate['difference'],
    object: string,
    message: string,
    statements: readonly string[] = [],
  ): Candidate => ({
    severity,
    what: 'partition',
    difference,
    table: pair.tableName,
    object,
    node: context.here,
    message,
    mend: statements.length === 0 ? undefined : { node: context.here, statements },
  });
  if (from === null || to === null || !isAlike(from, to)) {
    const text = (key: string | null) => (key === null ? 'not partitioned' : `partitioned by ${key}`);
    const message = `table ${name} is ${text(from)} on "${context.there}" and ${text(to)} on "${context.here}"`;
    return [finding('differs', 'different', `table ${name}`, message)];
  }
  const found = new Map(here.partitions.map((partition) => [nameOf(partition.table.name), partition]));
  const wanted = new Set(there.partitions.map(({ table }) => nameOf(table.name)));
  const defaults = new Set(
    here.partitions.flatMap(({ place }) => (place?.bound === 'DEFAULT' ? [nameOf(place.parent)] : [])),
  );
  const candidates: Candidate[] = [];
  const made = new Set<string>();
  for (const partition of there.partitions) {
    const { place, table } = partition;
    const own = nameOf(table.name);
    const other = found.get(own);
    const bound = place?.bound ?? '';
    const parent = place === undefined ? name : nameOf(place.parent);
    if (other === undefined) {
      // What is below a partition that is missing is missing with it.
      if (made.has(parent)) {
        made.add(own);
        continue;
      }
      made.add(own);
      const isCovered = defaults.has(parent) || coveredElsewhere(here, parent, bound);
      const message = `partition ${own} (${bound}) is on "${context.there}" and missing on "${context.here}"${isCovered ? '' : ': its rows have no place'}`;
      candidates.push(
        finding(
          isCovered ? 'differs' : 'blocks',
          'missing',
          `partition ${own}`,
          message,
          madeFrom(partition, context),
        ),
      );
      continue;
    }
    if (
      other.place !== undefined &&
      place !== undefined &&
      (other.place.bound !== bound || nameOf(other.place.parent) !== parent)
    ) {
      const isCovered = defaults.has(parent);
      const message = `partition ${own} is ${parent} ${bound} on "${context.there}" and ${nameOf(other.place.parent)} ${other.place.bound} on "${context.here}"${isCovered ? '' : ': some rows may have no place'}`;
      const parentSql = sqlName(other.place.parent);
      candidates.push(
        finding(isCovered ? 'differs' : 'blocks', 'different', `partition ${own}`, message, [
          `ALTER TABLE ${parentSql} DETACH PARTITION ${sqlName(table.name)}`,
          `ALTER TABLE ${sqlName(place.parent)} ATTACH PARTITION ${sqlName(table.name)} ${bound}`,
        ]),
      );
    }
    const below = { ...pair, there: table.name, here: other.table.name };
    candidates.push(...compareOne(below, partition, other, context));
  }
  for (const { table, place } of here.partitions) {
    const own = nameOf(table.name);
    if (wanted.has(own)) continue;
    const message = `partition ${own} (${place?.bound ?? ''}) is on "${context.here}" and not on "${context.there}"`;
    candidates.push(finding('differs', 'extra', `partition ${own}`, message));
  }
  return candidates;
}

/** Whether a partition of another name takes exactly these rows. */
function coveredElsewhere(here: TableTree, parent: string, bound: string): boolean {
  return here.partitions.some(
    ({ place }) => place !== undefined && nameOf(place.parent) === parent && place.bound === bound,
  );
}

function madeFrom({ table, place, parts }: TreeTable, { target }: CompareContext): string[] {
  const keys = parts.filter(({ kind }) => kind === 'primary key');
  return [
    table,
    ...keys.map((key) => ({ ...key, parentIndex: null })),
    ...(place === undefined ? [] : [place]),
  ].flatMap((object) => allStatements(objectStatements(object, target)));
}
