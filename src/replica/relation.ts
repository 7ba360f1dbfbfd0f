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
  readonly columns: readonly Column[];
}

export interface Column {
  readonly name: string;
  /** Computed by the server: neither sent nor written. */
  readonly isGenerated: boolean;
}

/** Finds a relation by its Londiste name; undefined when the database has none of this name. */
export async function readRelation(connection: Connection, fqname: string): Promise<Relation | undefined> {
  return (await readRelations(connection, [fqname])).get(fqname);
}

/** Finds relations by their Londiste names; those that the database does not have are left out. */
export async function readRelations(
  connection: Connection,
  fqnames: readonly string[],
): Promise<ReadonlyMap<string, Relation>> {
  const parts = fqnames.map(splitName);
  const rows = await connection.query<{
    fqname: string;
    oid: number;
    relkind: string;
    parent: string | null;
    names: string[];
    generated: boolean[];
  }>(
    `select asked.fqname, c.oid, c.relkind::text as relkind,
            case when c.relispartition
                 then (select pn.nspname || '.' || pc.relname
                         from pg_inherits as i
                         join pg_class as pc on pc.oid = i.inhparent
                         join pg_namespace as pn on pn.oid = pc.relnamespace
                        where i.inhrelid = c.oid)
            end as parent,
            cols.names, cols.generated
       from unnest($1::text[], $2::text[], $3::text[]) as asked(fqname, schema_name, relation_name)
       join pg_namespace as n on n.nspname = asked.schema_name
       join pg_class as c on c.relnamespace = n.oid and c.relname = asked.relation_name
      cross join lateral (
                select coalesce(array_agg(a.attname::text order by a.attnum), '{}') as names,
                       -- The catalogue of servers before version 12 has no attgenerated.
                       coalesce(array_agg(coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '' order by a.attnum), '{}')
                           as generated
                  from pg_attribute as a
                 where a.attrelid = c.oid
                   and a.attnum > 0
                   and not a.attisdropped
            ) as cols`,
    [fqnames, parts.map(({ schema }) => schema), parts.map(({ name }) => name)],
  );
  return new Map(
    rows.map(({ fqname, oid, relkind, parent, names, generated }) => [
      fqname,
      {
        oid,
        kind: relationKind(relkind, parent),
        parent,
        columns: names.map((name, at) => ({ name, isGenerated: generated[at] === true })),
      },
    ]),
  );
}

/** True for what holds rows that can be replicated. */
export function isTable(relation: Relation): boolean {
  return ['table', 'partitioned table', 'partition'].includes(relation.kind);
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
