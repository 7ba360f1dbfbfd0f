import { readLocations } from '../cascade/location.js';
import { readNodeInfo } from '../cascade/node-info.js';
import { readMembers } from '../cascade/topology.js';
import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { readTables } from './table-list.js';

export interface NodesWithTable {
  /** Names of the nodes below that have the table: first those that read from the root, then those that read from these, and so on. */
  readonly levels: readonly (readonly string[])[];
  /** Names of nodes that could not be asked. */
  readonly unreachable: readonly string[];
}

/**
 * Asks all nodes below the root at the same time whether they replicate a table. One that does not answer in time is part of the
 * answer. Changes nothing.
 */
export async function readNodesWithTable(
  root: Connection,
  options: {
    readonly queueName: string;
    readonly tableName: string;
    readonly rootName: string;
    readonly connect: Connect;
    readonly application: string;
    /** Longest look at one node. */
    readonly deadlineMs: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<NodesWithTable> {
  const { queueName, tableName, rootName } = options;
  const members = await readLocations(root, queueName);
  const views = await readMembers(
    members.filter(({ nodeName }) => nodeName !== rootName),
    {
      ...options,
      look: async (connection) => {
        const node = await readNodeInfo(connection, queueName);
        const tables = node === undefined ? [] : await readTables(connection, queueName);
        return { node, hasTable: tables.some(({ name, isLocal }) => isLocal && name === tableName) };
      },
    },
  );
  const providers = new Map<string, string>();
  const having = new Set<string>();
  for (const view of views) {
    // Under another name than its own it is a rename that was not finished: the same node once more.
    if (view.kind !== 'seen' || view.view.node?.nodeName !== view.member.nodeName) continue;
    providers.set(view.member.nodeName, view.view.node.providerNode);
    if (view.view.hasTable) having.add(view.member.nodeName);
  }
  const unreachable = views.filter(({ kind }) => kind === 'unreachable').map(({ member }) => member.nodeName);
  return { levels: byDistance(providers, having), unreachable };
}

/** The names of `having`, grouped by how many providers are above them that are known. Pure. */
export function byDistance(
  providers: ReadonlyMap<string, string>,
  having: ReadonlySet<string>,
): readonly (readonly string[])[] {
  const levels: string[][] = [];
  for (const name of [...having].sort()) {
    const above = new Set<string>();
    for (let at = providers.get(name); at !== undefined && !above.has(at); at = providers.get(at))
      above.add(at);
    levels[above.size] = [...(levels[above.size] ?? []), name];
  }
  return levels.filter((level) => level !== undefined);
}
