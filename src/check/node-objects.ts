import type { Connection } from '../db/connection.js';
import type { ErrorCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { HandlerSettings } from '../handlers/contract.js';
import { type BoundHandler, tryToBindHandler } from '../handlers/registry.js';
import { type ReplicatedSequence, readSequences } from '../replica/sequence-list.js';
import { type ReplicatedTable, readTables } from '../replica/table-list.js';

/** What one node knows of the queue. */
export interface NodeObjects {
  readonly tables: readonly ReplicatedTable[];
  readonly sequences: readonly ReplicatedSequence[];
}

export async function readNodeObjects(connection: Connection, queueName: string): Promise<NodeObjects> {
  return {
    tables: await readTables(connection, queueName),
    sequences: await readSequences(connection, queueName),
  };
}

/** The objects that a node replicates, among those of some names. Pure. */
export function localObjects({ tables, sequences }: NodeObjects, names: ReadonlySet<string>): NodeObjects {
  return {
    tables: tables.filter(({ name, isLocal }) => isLocal && names.has(name)),
    sequences: sequences.filter(({ name, isLocal }) => isLocal && names.has(name)),
  };
}

/** A table with the handler of its node. */
export interface BoundTable {
  readonly table: ReplicatedTable;
  readonly handler: BoundHandler;
}

/** A name that nothing can be said of. */
export interface NotChecked {
  readonly name: string;
  readonly code: ErrorCode;
  readonly reason: string;
}

/** Binds the handlers of tables; what has none that is known cannot be checked. Pure. */
export function bindTables(
  tables: readonly ReplicatedTable[],
  settings: HandlerSettings,
): { readonly bound: readonly BoundTable[]; readonly notChecked: readonly NotChecked[] } {
  const bound: BoundTable[] = [];
  const notChecked: NotChecked[] = [];
  for (const table of tables) {
    const handler = tryToBindHandler(table.name, table.attrs, settings);
    if (handler instanceof ReplicateError) {
      notChecked.push({ name: table.name, code: handler.code, reason: handler.message });
    } else {
      bound.push({ table, handler });
    }
  }
  return { bound, notChecked };
}
