import type { QualifiedName } from '../db/identifier.js';
import { type CatalogReader, isUsers } from './catalog-reader.js';
import type { ConstraintObject, IndexObject } from './database-object.js';
import { columnsOf, type PartRow, part, TABLE, WRITTEN } from './table-part.js';

interface ConstraintRow extends PartRow {
  readonly name: string;
  readonly type: string;
  readonly definition: string;
  readonly partitioned: boolean;
  readonly clustered: boolean;
  readonly identity: boolean;
  readonly options: string[] | null;
  readonly tablespace: string | null;
  readonly index_comment: string | null;
  readonly other_schema: string | null;
  readonly other: string | null;
  readonly parent_schema: string | null;
  readonly parent: string | null;
}

const CONSTRAINT_KINDS: Readonly<Record<string, ConstraintObject['kind']>> = {
  c: 'check',
  p: 'primary key',
  u: 'unique',
  x: 'exclusion',
  f: 'foreign key',
};

const OWN_CONSTRAINT = `(k.contype <> 'c' or k.conislocal or o.relispartition)
        and (k.contype <> 'f' or coalesce(to_jsonb(k) ->> 'conparentid', '0') = '0')`;

/** A foreign key on a partitioned table has a share of its own for each of that table's partitions, too. */
const INHERITED_CONSTRAINT = `(
          k.contype = 'c' and not k.conislocal and not o.relispartition
          or k.contype = 'f' and exists (
            select from pg_constraint as a where a.oid = (to_jsonb(k) ->> 'conparentid')::oid and a.conrelid <> k.conrelid))`;

const PARENT_INDEX = `
       left join pg_inherits as ii on ii.inhrelid = x.indexrelid
       left join pg_class as ip on ip.oid = ii.inhparent
       left join pg_namespace as ipn on ipn.oid = ip.relnamespace`;

/**
 * Reads keys, checks and foreign keys: those of the tables themselves, or those that partitions and children have from a parent, which
 * makes them. A partition's checks are always its own: it must have them to be attached.
 */
export async function readConstraints(
  reader: CatalogReader,
  whose: 'own' | 'inherited',
): Promise<ConstraintObject[]> {
  const rows = await reader.rows<ConstraintRow>(
    `select k.oid, ${TABLE}, k.conname::text as name, k.contype::text as type, pg_get_constraintdef(k.oid) as definition,
            o.relkind = 'p' as partitioned, coalesce(x.indisclustered, false) as clustered, coalesce(x.indisreplident, false) as identity,
            xi.reloptions as options, obj_description(xi.oid, 'pg_class') as index_comment,
            (select s.spcname::text from pg_tablespace as s where s.oid = xi.reltablespace) as tablespace,
            fn.nspname::text as other_schema, f.relname::text as other, ipn.nspname::text as parent_schema, ip.relname::text as parent,
            coalesce((select array_agg(a.attname::text) from pg_attribute as a where a.attrelid = o.oid and a.attnum = any (k.conkey)), '{}')
              || coalesce((select array_agg(a.attname::text) from pg_attribute as a where a.attrelid = x.indrelid and a.attnum = any (x.indkey::int2[])), '{}') as columns
       from pg_constraint as k
       join pg_class as o on o.oid = k.conrelid
       join pg_namespace as n on n.oid = o.relnamespace
       left join pg_class as f on f.oid = k.confrelid
       left join pg_namespace as fn on fn.oid = f.relnamespace
       left join pg_index as x on x.indexrelid = k.conindid and k.contype in ('p', 'u', 'x')
       left join pg_class as xi on xi.oid = x.indexrelid${PARENT_INDEX}
      where k.contype in ('c', 'p', 'u', 'x', 'f') and ${isUsers('pg_class')}
        and ${whose === 'own' ? OWN_CONSTRAINT : INHERITED_CONSTRAINT}
        and (${reader.wanted('o.oid')} or ${reader.wanted('f.oid')})
        and o.relkind in ('r', 'p')`,
  );
  return rows.map((row) => {
    const kind = CONSTRAINT_KINDS[row.type] as ConstraintObject['kind'];
    return {
      ...part(reader, 'constraint', 'pg_constraint', row, row.name),
      kind,
      name: row.name,
      definition: row.definition,
      options: row.options ?? [],
      tablespace: row.tablespace,
      indexComment: row.index_comment,
      isPartitioned: row.partitioned,
      isClustered: row.clustered,
      isReplicaIdentity: row.identity,
      otherTable: row.other === null ? null : { schema: row.other_schema ?? '', name: row.other },
      parentIndex: parentOf(row),
    };
  });
}

function parentOf(row: {
  readonly parent_schema: string | null;
  readonly parent: string | null;
}): QualifiedName | null {
  return row.parent === null ? null : { schema: row.parent_schema ?? '', name: row.parent };
}

interface IndexRow extends PartRow {
  readonly name: string;
  readonly written: string;
  readonly unique: boolean;
  readonly head: string;
  readonly definition: string;
  readonly partitioned: boolean;
  readonly tablespace: string | null;
  readonly clustered: boolean;
  readonly identity: boolean;
  readonly targets: number[][] | null;
  readonly parent_schema: string | null;
  readonly parent: string | null;
}

/** Reads the indexes that no constraint has. */
export async function readIndexes(reader: CatalogReader): Promise<IndexObject[]> {
  const rows = await reader.rows<IndexRow>(
    `select i.oid, ${TABLE}, i.relname::text as name, quote_ident(i.relname) as written, x.indisunique as unique, ${WRITTEN} as head,
            pg_get_indexdef(i.oid) as definition, i.relkind = 'I' as partitioned, x.indisclustered as clustered, x.indisreplident as identity,
            (select s.spcname::text from pg_tablespace as s where s.oid = i.reltablespace) as tablespace,
            (select array_agg(array[a.attnum::int4, a.attstattarget::int4] order by a.attnum) from pg_attribute as a
              where a.attrelid = i.oid and a.attstattarget >= 0) as targets,
            ipn.nspname::text as parent_schema, ip.relname::text as parent,
            ${columnsOf('pg_class', 'i.oid')}
       from pg_index as x
       join pg_class as i on i.oid = x.indexrelid
       join pg_class as o on o.oid = x.indrelid
       join pg_namespace as n on n.oid = o.relnamespace${PARENT_INDEX}
      where not exists (select from pg_constraint as k where k.conindid = i.oid and k.contype in ('p', 'u', 'x'))
        and o.relkind in ('r', 'p', 'm') and (x.indisvalid or i.relkind = 'I') and ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => {
    // Behind the name, which may hold anything.
    const start = `CREATE ${row.unique ? 'UNIQUE ' : ''}INDEX ${row.written} `.length;
    const at = row.definition.indexOf(` ${row.head} USING `, start);
    return {
      ...part(reader, 'index', 'pg_class', row, row.name),
      key: `index ${row.schema}.${row.name}`,
      kind: 'index',
      name: row.name,
      isUnique: row.unique,
      definition: row.definition.slice(at + row.head.length + 2),
      isPartitioned: row.partitioned,
      tablespace: row.tablespace,
      isClustered: row.clustered,
      isReplicaIdentity: row.identity,
      statistics: (row.targets ?? []).map(([position = 0, target = 0]) => ({ position, target })),
      parentIndex: parentOf(row),
    };
  });
}
