import type { NodeInfo } from '../cascade/node-info.js';
import type { Connection } from '../db/connection.js';
import type { HandlerSettings } from '../handlers/contract.js';
import { expandNames } from '../replica/expand-names.js';
import { compareStructure, findNotAdded, pairTables } from './check-against.js';
import { findOwnHindrances, type NodeSide } from './check-own.js';
import type { Finding } from './finding.js';
import {
  bindTables,
  localObjects,
  type NodeObjects,
  type NotChecked,
  readNodeObjects,
} from './node-objects.js';
import { readSurroundings } from './surroundings.js';
import { compareSurroundings, databaseHindrances } from './surroundings-findings.js';
import { readUnreplicable } from './unreplicable.js';

export interface CheckOptions {
  readonly queueName: string;
  /** Names and patterns of tables and sequences; none: all. */
  readonly names: readonly string[];
  /** Names and patterns that are left out. */
  readonly except: readonly string[];
  /** All objects of both databases. */
  readonly everything: boolean;
  readonly handlers: HandlerSettings;
  readonly parallelCopies: number;
  /** Owners do not matter: whatever was made here belongs to our role. */
  readonly keepsAll: boolean;
}

export interface CheckResult {
  readonly node: string;
  /** Null on a root. */
  readonly provider: string | null;
  /** How many were looked at. */
  readonly tables: number;
  readonly sequences: number;
  readonly findings: readonly Finding[];
  readonly notChecked: readonly NotChecked[];
}

/** A session on a node's database, and what the node is. */
export interface CheckedNode {
  readonly connection: Connection;
  readonly node: NodeInfo;
}

/** Sessions of a worker beside its copies: its own, its reader's, one for large rows. */
const WORKER_SESSIONS = 3;

/**
 * Looks for what is in the way of replication on a node and, below a root, for all in which its tables differ from its provider's. Reads
 * catalogs only: no table is read or locked, and nothing is left behind. A name that is not known is told in the result.
 */
export async function checkNode(
  local: CheckedNode,
  provider: CheckedNode | undefined,
  options: CheckOptions,
): Promise<CheckResult> {
  const { queueName, handlers } = options;
  const objects = await openObjects(local, queueName);
  const objectsAbove = provider === undefined ? undefined : await openObjects(provider, queueName);
  const { chosen, unknown } = choose(
    [objects, ...(objectsAbove === undefined ? [] : [objectsAbove])],
    options,
  );
  const own = localObjects(objects, chosen);
  const { bound, notChecked } = bindTables(own.tables, handlers);
  const sequences = own.sequences.map(({ name }) => name);
  const here = await surround(
    local,
    objects,
    own.tables.map(({ destTable }) => destTable),
  );
  const isRoot = provider === undefined;
  const role = isRoot ? 'root' : 'target';
  const ownHindrances = await findOwnHindrances(here, role, bound, sequences);
  const connections = WORKER_SESSIONS + options.parallelCopies;
  const findings = [...databaseHindrances(here, { role, connections }), ...ownHindrances.findings];
  const rest =
    provider === undefined || objectsAbove === undefined
      ? await restOfRoot(here, options)
      : await restBelow(provider, objectsAbove, here, options, {
          chosen,
          bound,
          sequences,
          invalidIndexes: new Set(ownHindrances.facts.flatMap(({ invalidIndexes }) => invalidIndexes)),
          connections,
        });
  return {
    node: local.node.nodeName,
    provider: provider?.node.nodeName ?? null,
    tables: bound.length,
    sequences: sequences.length,
    findings: inOrder(withoutTold([...findings, ...rest.findings]), objects),
    notChecked: [...unknown, ...notChecked, ...rest.notChecked],
  };
}

interface Rest {
  readonly findings: readonly Finding[];
  readonly notChecked: readonly NotChecked[];
}

/** What nobody has asked to be replicated is told when nothing was asked for by name. */
async function restOfRoot({ connection, node }: NodeSide, { names }: CheckOptions): Promise<Rest> {
  return {
    findings: names.length === 0 ? await readUnreplicable(connection, node.nodeName) : [],
    notChecked: [],
  };
}

async function restBelow(
  provider: CheckedNode,
  objectsAbove: NodeObjects,
  here: NodeSide,
  { everything, names, keepsAll }: CheckOptions,
  checked: {
    readonly chosen: ReadonlySet<string>;
    readonly bound: Parameters<typeof pairTables>[2];
    readonly sequences: readonly string[];
    readonly invalidIndexes: ReadonlySet<string>;
    readonly connections: number;
  },
): Promise<Rest> {
  const { pairs, findings, notChecked } = await pairTables(
    { ...provider, objects: objectsAbove },
    here.node.nodeName,
    checked.bound,
  );
  const tables = pairs.map(({ above }) => above);
  const there = await surround(
    provider,
    objectsAbove,
    tables.map(({ table }) => table.destTable),
  );
  const role = provider.node.nodeType === 'root' ? 'root' : 'source';
  const ofProvider = await findOwnHindrances(there, 'source', tables, checked.sequences);
  const ofDatabase = databaseHindrances(there, { role, connections: checked.connections });
  const structure = await compareStructure(there, here, {
    pairs,
    sequences: checked.sequences,
    everything: everything && names.length === 0,
    keepsAll,
    invalidIndexes: checked.invalidIndexes,
  });
  return {
    findings: [
      // What is only good to know of the provider its own check tells.
      ...[...ofDatabase, ...ofProvider.findings].filter(({ severity }) => severity !== 'hint'),
      ...findings,
      ...findNotAdded(there, here, checked.chosen),
      ...compareSurroundings(there, here),
      ...structure,
    ],
    notChecked,
  };
}

async function openObjects({ connection }: CheckedNode, queueName: string): Promise<NodeObjects> {
  // Else definitions would be written in two ways.
  await connection.execute('set quote_all_identifiers = off');
  return readNodeObjects(connection, queueName);
}

async function surround(
  { connection, node }: CheckedNode,
  objects: NodeObjects,
  tables: readonly string[],
): Promise<NodeSide> {
  return { connection, node, objects, surroundings: await readSurroundings(connection, tables) };
}

/** The names of tables and sequences that are meant, and what of the words means none. */
function choose(
  nodes: readonly NodeObjects[],
  { names, except }: CheckOptions,
): { readonly chosen: ReadonlySet<string>; readonly unknown: readonly NotChecked[] } {
  const candidates = nodes.flatMap(({ tables, sequences }) =>
    [...tables, ...sequences].map(({ name }) => name),
  );
  const wanted = names.length === 0 ? { names: candidates, unknown: [] } : expandNames(names, candidates);
  const without = new Set(expandNames(except, candidates).names);
  return {
    chosen: new Set(wanted.names.filter((name) => !without.has(name))),
    unknown: wanted.unknown.map((name) => ({
      name,
      code: 'PC400',
      reason: 'No table or sequence of the queue has this name.',
    })),
  };
}

/** A sequence that the provider has comes with the statement that makes it: that it is replicated and not here says no more. */
function withoutTold(findings: readonly Finding[]): Finding[] {
  const missing = new Set(
    findings.filter(({ what, difference }) => what === 'sequence' && difference === 'missing').map(placeOf),
  );
  return findings.filter(
    (finding) =>
      finding.what !== 'sequence' || finding.difference !== 'hindrance' || !missing.has(placeOf(finding)),
  );
}

function placeOf({ node, object }: Finding): string {
  return `${node} ${object}`;
}

const RANKS = { blocks: 0, differs: 1, hint: 2 } as const;

/** What is of the database first, then table by table; in each what blocks first. The same thing said twice is said once. */
function inOrder(findings: readonly Finding[], { tables }: NodeObjects): Finding[] {
  const places = new Map(tables.map(({ name }, index) => [name, index]));
  const place = ({ table }: Finding) => (table === null ? -1 : (places.get(table) ?? tables.length));
  const seen = new Set<string>();
  const once = findings.filter(({ node, message }) => {
    const said = `${node} ${message}`;
    const isNew = !seen.has(said);
    seen.add(said);
    return isNew;
  });
  return once.toSorted((a, b) => place(a) - place(b) || RANKS[a.severity] - RANKS[b.severity]);
}
