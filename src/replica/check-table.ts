import { ReplicateError } from '../errors/replicate-error.js';
import { isTable, type Relation } from './relation.js';
import type { ReplicatedTable } from './table-list.js';

export interface TableToCheck {
  readonly tableName: string;
  /** Its name in this database. */
  readonly destTable: string;
  /** A partition may be added by itself, and not with the table it is a part of. */
  readonly allowPartition: boolean;
  /** The columns of the provider that are to be here; undefined: all. */
  readonly columns?: readonly string[] | undefined;
  /** The name that a column of the provider has here; undefined when it is not here. */
  readonly columnHere?: ((name: string) => string | undefined) | undefined;
}

/** What there is in one database. */
export interface RelationsThere {
  /** Of its connection. */
  readonly target: string;
  readonly relations: ReadonlyMap<string, Relation>;
}

export interface ProviderTable extends RelationsThere {
  readonly nodeName: string;
  /** The table as the provider knows it. */
  readonly table: ReplicatedTable | undefined;
}

/** Whether a table can be added on a root. Throws PC406 when it is not there or is no table. */
export function checkRootTable(local: RelationsThere, table: TableToCheck): void {
  requireLocalTable(local, table);
}

/**
 * Whether a table can be added below a provider. Throws PC401 when the provider does not replicate it (never with
 * `expectSync`, whose rows come from elsewhere), PC406 when it is not here, PC403 naming the columns that it lacks here.
 */
export function checkSubscriberTable(
  local: RelationsThere,
  provider: ProviderTable,
  table: TableToCheck,
  expectSync: boolean,
): void {
  const above = provider.table;
  if (above?.isLocal !== true && !expectSync) {
    throw new ReplicateError(
      'PC401',
      `Table ${table.tableName} is not replicated on the provider "${provider.nodeName}".`,
      { table: table.tableName },
    );
  }
  const relation = requireLocalTable(local, { ...table, allowPartition: true });
  if (above?.isLocal !== true) return;
  const source = provider.relations.get(above.destTable);
  // A registered table that was dropped on the provider fails there, not here.
  if (source === undefined) return;
  const sent = source.columns.filter(({ isGenerated }) => !isGenerated);
  const writable = new Set(
    relation.columns.filter(({ isGenerated }) => !isGenerated).map(({ name }) => name),
  );
  const missing = sent
    .map(({ name }) => name)
    .filter((name) => table.columns === undefined || table.columns.includes(name))
    .flatMap((name) => (table.columnHere === undefined ? name : (table.columnHere(name) ?? [])))
    .filter((name) => !writable.has(name));
  if (missing.length === 0) return;
  throw new ReplicateError(
    'PC403',
    `Table ${table.destTable} of this node has no writable ${missing.length === 1 ? 'column' : 'columns'} ` +
      `${missing.join(', ')}, which the provider "${provider.nodeName}" has.`,
    { table: table.tableName, columns: missing.join(', ') },
  );
}

function requireLocalTable(local: RelationsThere, table: TableToCheck): Relation {
  const relation = local.relations.get(table.destTable);
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
