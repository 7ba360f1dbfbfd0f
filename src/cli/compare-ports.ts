import { connectToNode } from '../cascade/find-root.js';
import { type NodeInfo, requireNode } from '../cascade/node-info.js';
import { selectTables } from '../compare/select-tables.js';
import type { SnapshotPorts, SnapshotSource } from '../compare/snapshot-pair.js';
import { importSnapshot, openTickSnapshot, type SnapshotName } from '../copy/tick-snapshot.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { ELSEWHERE } from '../handlers/contract.js';
import { tryToBindHandler } from '../handlers/registry.js';
import { expandNames } from '../replica/expand-names.js';
import { type MergedPart, readMergedTables } from '../replica/merged-parts.js';
import { readSequences } from '../replica/sequence-list.js';
import { type ReplicatedTable, readTables } from '../replica/table-list.js';
import type { CommandContext } from './command.js';
import { providerLocation } from './local-node.js';

/** Throws PC303 for a root, which has no provider to compare with. */
export function requireProvider(node: NodeInfo): void {
  if (node.nodeType !== 'root') return;
  throw new ReplicateError(
    'PC303',
    `Node "${node.nodeName}" is the root: it has no provider to compare with.`,
  );
}

/** The tables that are to be compared; none where none is replicated. Throws as `selectTables`. */
export async function chooseTables(
  { config }: CommandContext,
  connection: Connection,
  args: readonly string[],
): Promise<readonly string[]> {
  const tables = await readTables(connection, config.queueName);
  // A name without a table is nothing that could be equal; who names it is told so.
  return selectTables(args, args.length > 0 ? tables : tables.filter((table) => !isName(table)));
}

/**
 * The tables and sequences that a person means; without arguments all that are replicated here. Throws PC400 for an
 * argument that names neither.
 */
export async function chooseCompared(
  context: CommandContext,
  connection: Connection,
  args: readonly string[],
): Promise<{ readonly tableNames: readonly string[]; readonly sequenceNames: readonly string[] }> {
  const { queueName } = context.config;
  const local = (await readSequences(connection, queueName)).filter(({ isLocal }) => isLocal);
  const allSequences = local.map(({ name }) => name);
  if (args.length === 0) {
    return { tableNames: await chooseTables(context, connection, []), sequenceNames: allSequences };
  }
  const found = args.map((arg) => ({ arg, sequences: expandNames([arg], allSequences) }));
  const tables = await readTables(connection, queueName);
  const isTable = (arg: string) =>
    expandNames(
      [arg],
      tables.map(({ name }) => name),
    ).unknown.length === 0;
  // A pattern may mean both; what means no sequence is for the tables to find or refuse.
  const ofTables = found
    .filter(({ arg, sequences }) => sequences.unknown.length > 0 || isTable(arg))
    .map(({ arg }) => arg);
  const sequenceNames = [
    ...new Set(found.flatMap(({ sequences }) => (sequences.unknown.length > 0 ? [] : sequences.names))),
  ];
  const tableNames = ofTables.length === 0 ? [] : await chooseTables(context, connection, ofTables);
  return { tableNames, sequenceNames };
}

/** True for a table of which only the name is on this node. */
function isName({ name, attrs }: ReplicatedTable): boolean {
  const handler = tryToBindHandler(name, attrs, ELSEWHERE);
  return !(handler instanceof ReplicateError) && handler.needsNoTable === true;
}

/** Those of the tables that other queues feed too. */
export async function findMerged(
  connection: Connection,
  queueName: string,
  tableNames: readonly string[],
): Promise<ReadonlyMap<string, readonly MergedPart[]>> {
  const merged = await readMergedTables(connection, queueName);
  return new Map([...merged].filter(([name]) => tableNames.includes(name)));
}

/** How the snapshots of both sides are opened, for a command of the name `what`. */
export async function snapshotPorts(
  context: CommandContext,
  what: string,
  connection: Connection,
  node: NodeInfo,
  mergedTables: ReadonlyMap<string, readonly MergedPart[]>,
): Promise<SnapshotPorts> {
  const { config, connect, signal } = context;
  const application = `${what}/${node.nodeName}`;
  const connectProvider = (to: NodeInfo) =>
    connectToNode(connect, to.providerNode, providerLocation(to), application, signal);
  const queues = new Set([...mergedTables.values()].flat().map(({ queueName }) => queueName));
  const otherSources: SnapshotSource[] = [];
  for (const queueName of queues) {
    const other = await requireNode(connection, queueName);
    otherSources.push({ queueName, connectProvider: () => connectProvider(other) });
  }
  return {
    connectProvider: () => connectProvider(node),
    otherSources,
    connectSubscriber: () => connect(config.db, { application, signal }),
    openTickSnapshot,
    importSnapshot: (reader, snapshot) => importSnapshot(reader, snapshot as SnapshotName),
  };
}
