import type { NodeInfo } from '../cascade/node-info.js';
import type { Connection } from '../db/connection.js';
import type { Finding } from './finding.js';
import type { BoundTable, NodeObjects } from './node-objects.js';
import type { Surroundings } from './surroundings.js';
import { readCaptureStates, readTableFacts, type TableFacts } from './table-facts.js';
import { captureHindrances, type TableRole, tableHindrances } from './table-hindrances.js';

/** One node of the two, or the root by itself. */
export interface NodeSide {
  readonly connection: Connection;
  readonly node: NodeInfo;
  readonly surroundings: Surroundings;
  /** All that it knows of the queue. */
  readonly objects: NodeObjects;
}

export interface OwnHindrances {
  readonly facts: readonly TableFacts[];
  readonly findings: readonly Finding[];
}

/** What is in the way of some tables and sequences of one node, whatever the others have. Reads only. */
export async function findOwnHindrances(
  { connection, node, surroundings, objects }: NodeSide,
  role: TableRole,
  tables: readonly BoundTable[],
  sequences: readonly string[],
): Promise<OwnHindrances> {
  const { queueName, nodeName } = node;
  const context = {
    node: nodeName,
    role,
    ourRole: surroundings.ourRole,
    tablesHere: new Set(objects.tables.filter(({ isLocal }) => isLocal).map(({ destTable }) => destTable)),
    sequencesHere: new Set(objects.sequences.filter(({ isLocal }) => isLocal).map(({ name }) => name)),
  };
  const facts = await readTableFacts(
    connection,
    tables.filter(({ handler }) => handler.needsNoTable !== true).map(({ table }) => table),
  );
  const names = new Set(tables.map(({ table }) => table.name));
  // Only a root is written by the application.
  const captured = node.nodeType === 'root' ? await readCaptureStates(connection, queueName) : [];
  return {
    facts,
    findings: [
      ...facts.flatMap((one) => tableHindrances(one, context)),
      ...captured
        .filter(({ tableName }) => names.has(tableName))
        .flatMap((state) => captureHindrances(state, nodeName, queueName)),
      ...(await findMissingSequences(connection, nodeName, sequences)),
    ],
  };
}

/** Sequences that are replicated and not there. */
async function findMissingSequences(
  connection: Connection,
  node: string,
  names: readonly string[],
): Promise<Finding[]> {
  const rows = await connection.query<{ name: string }>(
    `select t.name from unnest($1::text[]) as t(name)
      where not exists (select from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
                         where c.relkind = 'S' and n.nspname || '.' || c.relname = t.name)`,
    [names],
  );
  return rows.map(({ name }) => ({
    severity: 'blocks',
    what: 'sequence',
    difference: 'hindrance',
    table: null,
    object: `sequence ${name}`,
    node,
    message: `sequence ${name} is replicated and is not there on "${node}"`,
    mend: { node, statements: [`replicate INI remove-seq ${name}`] },
  }));
}
