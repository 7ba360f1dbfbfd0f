import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { isTable, type Relation, readColumns, readRelation } from './relation.js';
import type { ReplicatedTable } from './table-list.js';

export interface TableToCheck {
  readonly tableName: string;
  /** Its name in this database. */
  readonly destTable: string;
  /** A partition may be added by itself, and not with the table it is a part of. */
  readonly allowPartition: boolean;
  /** The columns of the provider that are to be here; undefined: all. */
  readonly columns?: readonly string[] | undefined;
}

export interface ProviderTable {
  readonly connection: Connection;
  readonly nodeName: string;
  /** The tables that the provider knows. */
  readonly tables: readonly ReplicatedTable[];
}

/** Whether a table can be added on a root. Throws PC406 when it is not there or is no table. */
export async function checkRootTable(local: Connection, table: TableToCheck): Promise<void> {
  await requireLocalTable(local, table);
}

/**
 * Whether a table can be added below a provider. Throws PC401 when the provider does not replicate it (never with
 * `expectSync`, whose rows come from elsewhere), PC406 when it is not here, PC403 naming the columns that it lacks here.
 */
export async function checkSubscriberTable(
  local: Connection,
  provider: ProviderTable,
  table: TableToCheck,
  expectSync: boolean,
): Promise<void> {
  const above = provider.tables.find(({ name }) => name === table.tableName);
  if (above?.isLocal !== true && !expectSync) {
    throw new ReplicateError(
      'PC401',
      `Table ${table.tableName} is not replicated on the provider "${provider.nodeName}".`,
      { table: table.tableName },
    );
  }
  const relation = await requireLocalTable(local, { ...table, allowPartition: true });
  if (above?.isLocal !== true) return;
  const source = await readRelation(provider.connection, above.destTable);
  // A registered table that was dropped on the provider fails there, not here.
  if (source === undefined) return;
  const sent = (await readColumns(provider.connection, source)).filter(({ isGenerated }) => !isGenerated);
  const writable = new Set(
    (await readColumns(local, relation)).filter(({ isGenerated }) => !isGenerated).map(({ name }) => name),
  );
  const missing = sent
    .map(({ name }) => name)
    .filter((name) => table.columns === undefined || table.columns.includes(name))
    .filter((name) => !writable.has(name));
  if (missing.length === 0) return;
  throw new ReplicateError(
    'PC403',
    `Table ${table.destTable} of this node has no writable ${missing.length === 1 ? 'column' : 'columns'} ` +
      `${missing.join(', ')}, which the provider "${provider.nodeName}" has.`,
    { table: table.tableName, columns: missing.join(', ') },
  );
}

async function requireLocalTable(local: Connection, table: TableToCheck): Promise<Relation> {
  const relation = await readRelation(local, table.destTable);
  if (relation === undefined) {
    throw new ReplicateError('PC406', `Table ${table.destTable} does not exist at ${local.target}.`, {
      table: table.destTable,
    });
  }
  if (!isTable(relation)) {
    throw new ReplicateError(
      'PC400',
      `${table.destTable} is a ${relation.kind}; only tables can be replicated.`,
      { table: table.destTable },
    );
  }
  if (relation.kind === 'partition' && !table.allowPartition) {
    throw new ReplicateError(
      'PC400',
      `${table.destTable} is a partition of ${relation.parent ?? 'another table'}: add that, or use --force.`,
      { table: table.destTable },
    );
  }
  return relation;
}
