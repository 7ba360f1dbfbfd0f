import { readIgnoredColumns } from '../compare/ignored-columns.js';
import { type QualifiedName, splitName } from '../db/identifier.js';
import { applyfn } from '../handlers/applyfn.js';
import { ELSEWHERE } from '../handlers/contract.js';
import { nameOf } from '../schema/objects-by-name.js';
import { readSchema } from '../schema/read-schema.js';
import { readTarget } from '../schema/target.js';
import type { NodeSide } from './check-own.js';
import type { TablePair } from './compare-context.js';
import { compareDatabases } from './compare-databases.js';
import type { Finding } from './finding.js';
import { type BoundTable, bindTables, type NodeObjects, type NotChecked } from './node-objects.js';
import { withoutDoubts } from './own-words.js';
import { readKeptOff } from './read-kept-off.js';

/** A table of this node beside that of the provider. */
export interface PairedTable {
  readonly pair: TablePair;
  readonly above: BoundTable;
}

export interface Pairs {
  readonly pairs: readonly PairedTable[];
  readonly findings: readonly Finding[];
  readonly notChecked: readonly NotChecked[];
}

/** Pairs the tables that both nodes should have, by what this node's handlers make of them. Reads only. */
export async function pairTables(
  there: Omit<NodeSide, 'surroundings'>,
  here: string,
  bound: readonly BoundTable[],
): Promise<Pairs> {
  const { node, objects } = there;
  const tablesAbove = new Map(
    objects.tables.filter(({ isLocal }) => isLocal).map((table) => [table.name, table]),
  );
  // What is here is else not the provider's table, by this node's own set-up.
  const wanted = bound.filter(
    ({ handler }) => handler.needsNoTable !== true && handler.name !== applyfn.name,
  );
  const absent = wanted.filter(({ table }) => !tablesAbove.has(table.name));
  const above = bindTables(
    wanted.flatMap(({ table }) => tablesAbove.get(table.name) ?? []),
    ELSEWHERE,
  );
  const boundAbove = new Map(above.bound.map((one) => [one.table.name, one]));
  const ignored = await readIgnored(there, above.bound);
  return {
    pairs: wanted.flatMap(({ table, handler }) => {
      const source = boundAbove.get(table.name);
      if (source === undefined || source.handler.needsNoTable === true) return [];
      const pair = {
        tableName: table.name,
        there: splitName(source.table.destTable),
        here: splitName(table.destTable),
        handler,
        ignored: ignored.get(source.table.destTable) ?? new Set<string>(),
      };
      return [{ pair, above: source }];
    }),
    findings: absent.map(({ table: { name } }) => ({
      severity: 'blocks',
      what: 'table',
      difference: 'extra',
      table: name,
      object: `table ${name}`,
      node: node.nodeName,
      message: `table ${name} is replicated on "${here}" and not on its provider "${node.nodeName}": it cannot be copied nor compared`,
      mend: { node: node.nodeName, statements: [`replicate INI add-table ${name}`] },
    })),
    notChecked: above.notChecked.map((one) => ({ ...one, reason: `On "${node.nodeName}": ${one.reason}` })),
  };
}

/** By the tables' names there: the columns that triggers leave out of events. */
async function readIgnored(
  { connection, node }: Pick<NodeSide, 'connection' | 'node'>,
  tables: readonly BoundTable[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const oids = await connection.query<{ name: string; oid: number }>(
    `select t.name, c.oid
       from unnest($1::text[]) as t(name)
       join pg_namespace as n on n.nspname = left(t.name, strpos(t.name, '.') - 1)
       join pg_class as c on c.relnamespace = n.oid and c.relname = substr(t.name, strpos(t.name, '.') + 1)`,
    [tables.map(({ table }) => table.destTable)],
  );
  const columns = await readIgnoredColumns(
    connection,
    node.queueName,
    oids.map(({ oid }) => oid),
  );
  return new Map(oids.map(({ name, oid }) => [name, columns.get(oid) ?? new Set()]));
}

/** So many are found sooner by reading all that there is. */
const MANY_TABLES = 200;

export interface StructureOptions {
  readonly pairs: readonly PairedTable[];
  /** Replicated sequences of this node. */
  readonly sequences: readonly string[];
  /** All objects of both databases. */
  readonly everything: boolean;
  readonly invalidIndexes: ReadonlySet<string>;
  /** Owners do not matter. */
  readonly keepsAll: boolean;
}

/**
 * Compares what the databases of two nodes have. Reads catalogs only, each as of one moment; what it makes to understand an expression is
 * temporary and rolled back.
 */
export async function compareStructure(
  there: NodeSide,
  here: NodeSide,
  { pairs, sequences, everything, invalidIndexes, keepsAll }: StructureOptions,
): Promise<Finding[]> {
  const tables = pairs.map(({ pair }) => pair);
  const readsAll = everything || tables.length > MANY_TABLES;
  const names = (side: 'there' | 'here') => (readsAll ? undefined : tables.map((pair) => nameOf(pair[side])));
  const [source, present] = await Promise.all([
    readSchema(there.connection, names('there')),
    readSchema(here.connection, names('here')),
  ]);
  const candidates = compareDatabases(
    source,
    present,
    { tables, sequences: sequences.map(splitName), everything },
    {
      there: there.node.nodeName,
      here: here.node.nodeName,
      versionThere: there.connection.serverVersion,
      target: await readTarget(here.connection, { keepsAll }),
      namesHere: otherNames(tables),
      sequences: new Set(sequences),
      keptOff: await readKeptOff(here.connection),
      invalidIndexes,
    },
  );
  return withoutDoubts(here.connection, candidates);
}

function otherNames(tables: readonly TablePair[]): Map<string, QualifiedName> {
  return new Map(
    tables
      .filter((pair) => nameOf(pair.there) !== nameOf(pair.here))
      .map((pair) => [nameOf(pair.there), pair.here]),
  );
}

/** What the provider replicates and this node does not, among some names. Pure. */
export function findNotAdded(there: NodeSide, here: NodeSide, names: ReadonlySet<string>): Finding[] {
  const [provider, node] = [there.node.nodeName, here.node.nodeName];
  const missing = (kind: keyof NodeObjects) => {
    const local = new Set(here.objects[kind].filter(({ isLocal }) => isLocal).map(({ name }) => name));
    return there.objects[kind]
      .filter(({ name, isLocal }) => isLocal && names.has(name) && !local.has(name))
      .map(({ name }) => name);
  };
  const finding =
    (what: 'table' | 'sequence', verb: string) =>
    (name: string): Finding => ({
      severity: 'differs',
      what,
      difference: 'missing',
      table: what === 'table' ? name : null,
      object: `${what} ${name}`,
      node,
      message: `${what} ${name} is replicated on "${provider}" and not on "${node}"; where that is meant, --except=${name} leaves it out`,
      mend: { node, statements: [`replicate INI ${verb} ${name}`] },
    });
  return [
    ...missing('tables').map(finding('table', 'add-table')),
    ...missing('sequences').map(finding('sequence', 'add-seq')),
  ];
}
