import type { Connection } from '../db/connection.js';
import { splitName } from '../db/identifier.js';

export type RelationKind =
  | 'table'
  | 'partitioned table'
  | 'partition'
  | 'view'
  | 'foreign table'
  | 'sequence'
  | 'other';

/** What the catalogue says about a relation. */
export interface Relation {
  readonly oid: number;
  readonly kind: RelationKind;
  /** For a partition the table that it is a part of. */
  readonly parent: string | null;
}

export interface Column {
  readonly name: string;
  /** Computed by the server: neither sent nor written. */
  readonly isGenerated: boolean;
}

/** Finds a relation by its Londiste name; undefined when the database has none of this name. */
export async function readRelation(connection: Connection, fqname: string): Promise<Relation | undefined> {
  const { schema, name } = splitName(fqname);
  const [row] = await connection.query<{ oid: number; relkind: string; parent: string | null }>(
    `select c.oid, c.relkind::text as relkind,
            case when c.relispartition
                 then (select pn.nspname || '.' || pc.relname
                         from pg_inherits as i
                         join pg_class as pc on pc.oid = i.inhparent
                         join pg_namespace as pn on pn.oid = pc.relnamespace
                        where i.inhrelid = c.oid)
            end as parent
       from pg_class as c
       join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname = $1
        and c.relname = $2`,
    [schema, name],
  );
  if (row === undefined) return undefined;
  return { oid: row.oid, kind: relationKind(row.relkind, row.parent), parent: row.parent };
}

/** True for what holds rows that can be replicated. */
export function isTable(relation: Relation): boolean {
  return ['table', 'partitioned table', 'partition'].includes(relation.kind);
}

export async function readColumns(connection: Connection, relation: Relation): Promise<Column[]> {
  const rows = await connection.query<{ name: string; generated: boolean }>(
    // The catalogue of servers before version 12 has no attgenerated.
    `select a.attname::text as name, coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '' as generated
       from pg_attribute as a
      where a.attrelid = $1
        and a.attnum > 0
        and not a.attisdropped
      order by a.attnum`,
    [relation.oid],
  );
  return rows.map((row) => ({ name: row.name, isGenerated: row.generated }));
}

function relationKind(relkind: string, parent: string | null): RelationKind {
  switch (relkind) {
    case 'r':
      return parent === null ? 'table' : 'partition';
    case 'p':
      return parent === null ? 'partitioned table' : 'partition';
    case 'v':
    case 'm':
      return 'view';
    case 'f':
      return 'foreign table';
    case 'S':
      return 'sequence';
    default:
      return 'other';
  }
}
