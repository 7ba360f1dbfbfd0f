import type { Row } from '../db/connection.js';
import { type CatalogReader, isUsers } from './catalog-reader.js';
import type {
  DatabaseObject,
  NotNull,
  Privilege,
  SequenceObject,
  SequenceOptions,
  TableColumn,
  TableObject,
  ViewObject,
} from './database-object.js';

const CLASS = 'pg_class';

interface RelationRow extends Row {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly owner: string;
  readonly unlogged: boolean;
  readonly partition_key: string | null;
  readonly is_partition: boolean;
  readonly parents: string[][] | null;
  readonly of_type: string | null;
  readonly options: string[] | null;
  readonly access_method: string | null;
  readonly tablespace: string | null;
  readonly row_security: boolean;
  readonly force_row_security: boolean;
  readonly definition: string | null;
}

interface ColumnRow extends Row {
  readonly relation: number;
  readonly position: number;
  readonly name: string;
  readonly type: string;
  readonly collation: string | null;
  readonly not_null: boolean;
  readonly identity: string;
  readonly generated: string;
  readonly expression: string | null;
  readonly is_local: boolean;
  readonly parents: number;
  readonly parent_not_null: boolean;
  readonly storage: string | null;
  readonly compression: string;
  readonly statistics: number | null;
  readonly options: string[] | null;
}

interface NotNullRow extends Row {
  readonly relation: number;
  readonly position: number;
  readonly name: string | null;
  readonly no_inherit: boolean;
  readonly is_valid: boolean;
  readonly is_local: boolean;
}

interface SequenceRow extends Row {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
  readonly unlogged: boolean;
  readonly identity_of: number | null;
  readonly identity_column: number | null;
  readonly type: string;
  readonly start: string;
  readonly increment: string;
  readonly min: string;
  readonly max: string;
  readonly cache: string;
  readonly cycle: boolean;
}

/** Reads tables with their columns, views and sequences. */
export async function readRelations(reader: CatalogReader): Promise<DatabaseObject[]> {
  const relations = await readRelationRows(reader);
  const columns = await readColumns(reader);
  const sequences = await readSequenceRows(reader);
  const privileges = await readRelationPrivileges(reader);
  const objects: DatabaseObject[] = [];
  const identity = new Map(
    sequences
      .filter(({ identity_of }) => identity_of !== null)
      .map((row) => [`${row.identity_of}:${row.identity_column}`, row]),
  );
  for (const row of relations) {
    const own = columns.get(row.oid) ?? [];
    const granted = privileges.get(row.oid) ?? [];
    if (row.kind === 'v' || row.kind === 'm') objects.push(viewOf(reader, row, own, granted));
    else objects.push(tableOf(reader, row, own, granted, { sequences: identity, privileges }));
  }
  for (const row of sequences) {
    if (row.identity_of === null) objects.push(sequenceOf(reader, row, privileges.get(row.oid) ?? []));
  }
  return objects;
}

function readRelationRows(reader: CatalogReader): Promise<RelationRow[]> {
  return reader.rows<RelationRow>(
    // What a version does not know is not in the row's JSON.
    `select o.oid, n.nspname::text as schema, o.relname::text as name, o.relkind::text as kind,
            pg_get_userbyid(o.relowner)::text as owner, o.relpersistence = 'u' as unlogged,
            case when o.relkind = 'p' then pg_get_partkeydef(o.oid) end as partition_key,
            o.relispartition as is_partition,
            (select array_agg(array[pn.nspname::text, p.relname::text] order by i.inhseqno)
               from pg_inherits as i
               join pg_class as p on p.oid = i.inhparent
               join pg_namespace as pn on pn.oid = p.relnamespace
              where i.inhrelid = o.oid and not o.relispartition) as parents,
            case when o.reloftype <> 0 then format_type(o.reloftype, null) end as of_type,
            coalesce(o.reloptions, '{}') || coalesce((
              select array_agg('toast.' || x) from pg_class as t, unnest(t.reloptions) as x where t.oid = o.reltoastrelid), '{}') as options,
            (select a.amname::text from pg_am as a
              where a.oid = (to_jsonb(o) ->> 'relam')::oid and a.amname <> 'heap') as access_method,
            (select t.spcname::text from pg_tablespace as t where t.oid = o.reltablespace) as tablespace,
            o.relrowsecurity as row_security, o.relforcerowsecurity as force_row_security,
            case when o.relkind in ('v', 'm') then pg_get_viewdef(o.oid) end as definition
       from pg_class as o
       join pg_namespace as n on n.oid = o.relnamespace
      where o.relkind in ('r', 'p', 'v', 'm') and o.relpersistence <> 't' and ${isUsers(CLASS)} and ${reader.wanted('o.oid')}
      order by n.nspname, o.relname`,
  );
}

async function readColumns(reader: CatalogReader): Promise<Map<number, ReadColumn[]>> {
  const rows = await reader.rows<ColumnRow>(
    `select c.attrelid as relation, c.attnum::int4 as position, c.attname::text as name,
            format_type(c.atttypid, c.atttypmod) as type,
            (select quote_ident(cn.nspname) || '.' || quote_ident(l.collname)
               from pg_collation as l join pg_namespace as cn on cn.oid = l.collnamespace
              where l.oid = c.attcollation and l.oid <> t.typcollation) as collation,
            c.attnotnull as not_null, c.attidentity::text as identity, coalesce(to_jsonb(c) ->> 'attgenerated', '') as generated,
            (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef as d
              where d.adrelid = c.attrelid and d.adnum = c.attnum and coalesce(to_jsonb(c) ->> 'attgenerated', '') <> '') as expression,
            c.attislocal as is_local, c.attinhcount::int4 as parents,
            exists (select from pg_inherits as i join pg_attribute as p on p.attrelid = i.inhparent
                     where i.inhrelid = c.attrelid and p.attname = c.attname and p.attnotnull) as parent_not_null,
            case when c.attstorage <> t.typstorage then c.attstorage::text end as storage,
            coalesce(to_jsonb(c) ->> 'attcompression', '') as compression,
            nullif(c.attstattarget, -1)::int4 as statistics, 
            -- Those that PostgreSQL knows: a vendor's server may have options of its own, which no other takes.
            array(select o from unnest(c.attoptions) as o where o like 'n\\_distinct%' order by o) as options
       from pg_attribute as c
       join pg_type as t on t.oid = c.atttypid
       join pg_class as o on o.oid = c.attrelid
       join pg_namespace as n on n.oid = o.relnamespace
      where c.attnum > 0 and not c.attisdropped and o.relkind in ('r', 'p', 'v', 'm') and ${isUsers(CLASS)} and ${reader.wanted('o.oid')}
      order by c.attrelid, c.attnum`,
  );
  const named = await readNotNulls(reader);
  const columns = new Map<number, ReadColumn[]>();
  for (const row of rows) {
    const list = columns.get(row.relation) ?? [];
    list.push({ row, notNull: named.get(`${row.relation}:${row.position}`) });
    columns.set(row.relation, list);
  }
  return columns;
}

interface ReadColumn {
  readonly row: ColumnRow;
  readonly notNull: NotNullRow | undefined;
}

/** Since PostgreSQL 18 NOT NULL is a constraint. */
async function readNotNulls(reader: CatalogReader): Promise<Map<string, NotNullRow>> {
  if (reader.version < 180_000) return new Map();
  const rows = await reader.rows<NotNullRow>(
    `select k.conrelid as relation, k.conkey[1]::int4 as position,
            case when k.conname <> o.relname || '_' || a.attname || '_not_null' then k.conname::text end as name,
            k.connoinherit as no_inherit, k.convalidated as is_valid, k.conislocal as is_local
       from pg_constraint as k
       join pg_class as o on o.oid = k.conrelid
       join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
      where k.contype = 'n' and ${reader.wanted('k.conrelid')}`,
  );
  return new Map(rows.map((row) => [`${row.relation}:${row.position}`, row]));
}

function readSequenceRows(reader: CatalogReader): Promise<SequenceRow[]> {
  return reader.rows<SequenceRow>(
    `select o.oid, n.nspname::text as schema, o.relname::text as name, pg_get_userbyid(o.relowner)::text as owner,
            o.relpersistence = 'u' as unlogged, d.refobjid as identity_of, d.refobjsubid as identity_column,
            format_type(s.seqtypid, null) as type, s.seqstart::text as start, s.seqincrement::text as increment,
            s.seqmin::text as min, s.seqmax::text as max, s.seqcache::text as cache, s.seqcycle as cycle
       from pg_sequence as s
       join pg_class as o on o.oid = s.seqrelid
       join pg_namespace as n on n.oid = o.relnamespace
       left join pg_depend as d
         on d.classid = 'pg_class'::regclass and d.objid = o.oid and d.deptype = 'i' and d.refclassid = 'pg_class'::regclass
      where o.relpersistence <> 't' and ${isUsers(CLASS)}
      order by n.nspname, o.relname`,
  );
}

async function readRelationPrivileges(reader: CatalogReader): Promise<Map<number, Privilege[]>> {
  const found = await reader.privileges(CLASS, {
    acl: 'relacl',
    owner: 'relowner',
    type: `case o.relkind when 'S' then 's' else 'r' end`,
    where: `o.relkind in ('r', 'p', 'v', 'm', 'S')`,
  });
  const columns = await reader.rows<ColumnPrivilegeRow>(
    `select c.attrelid as oid, c.attname::text as column, pg_get_userbyid(x.grantor)::text as grantor,
            case when x.grantee = 0 then 'PUBLIC' else pg_get_userbyid(x.grantee)::text end as grantee,
            x.privilege_type::text as privilege, x.is_grantable as grantable
       from pg_attribute as c, aclexplode(c.attacl) as x
      where c.attacl is not null and c.attrelid >= 16384 and ${reader.wanted('c.attrelid')}
      order by c.attrelid, c.attnum, grantee, privilege`,
  );
  for (const { oid, ...privilege } of columns) {
    found.set(oid, [...(found.get(oid) ?? []), { ...privilege, action: 'grant' }]);
  }
  return found;
}

interface ColumnPrivilegeRow extends Row {
  readonly oid: number;
  readonly column: string;
  readonly grantor: string;
  readonly grantee: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

interface Identities {
  /** By `table:column`. */
  readonly sequences: ReadonlyMap<string, SequenceRow>;
  readonly privileges: ReadonlyMap<number, readonly Privilege[]>;
}

function tableOf(
  reader: CatalogReader,
  row: RelationRow,
  columns: readonly ReadColumn[],
  privileges: readonly Privilege[],
  identity: Identities,
): TableObject {
  return {
    kind: 'table',
    key: `table ${row.schema}.${row.name}`,
    address: `${CLASS}:${row.oid}`,
    name: { schema: row.schema, name: row.name },
    owner: row.owner,
    comment: reader.comment(CLASS, row.oid),
    privileges,
    columns: columns.map((column) => columnOf(reader, row, column, identity)),
    isUnlogged: row.unlogged,
    partitionKey: row.partition_key,
    isPartition: row.is_partition,
    parents: (row.parents ?? []).map(([schema = '', name = '']) => ({ schema, name })),
    ofType: row.of_type,
    options: row.options ?? [],
    accessMethod: row.access_method,
    tablespace: row.tablespace,
    rowSecurity: row.row_security,
    forceRowSecurity: row.force_row_security,
  };
}

function columnOf(
  reader: CatalogReader,
  relation: RelationRow,
  { row, notNull }: ReadColumn,
  identity: Identities,
): TableColumn {
  const sequence = identity.sequences.get(`${relation.oid}:${row.position}`);
  return {
    name: row.name,
    type: row.type,
    collation: row.collation,
    notNull: notNullOf(reader, relation, row, notNull),
    isNotNullAbove: row.parent_not_null,
    identity:
      row.identity === '' || sequence === undefined
        ? null
        : {
            always: row.identity === 'a',
            sequence: { schema: sequence.schema, name: sequence.name },
            options: sequenceOptionsOf(sequence),
            privileges: identity.privileges.get(sequence.oid) ?? [],
            comment: reader.comment(CLASS, sequence.oid),
          },
    generated: row.expression === null ? null : { expression: row.expression, stored: row.generated === 's' },
    // A partition is made by itself and attached then.
    isLocal: row.is_local || relation.is_partition,
    storage: row.storage === null ? null : (STORAGE[row.storage] ?? null),
    compression: COMPRESSION[row.compression] ?? null,
    statistics: row.statistics,
    options: row.options ?? [],
    comment: reader.comment(CLASS, relation.oid, row.position),
  };
}

const STORAGE: Readonly<Record<string, string>> = {
  p: 'PLAIN',
  e: 'EXTERNAL',
  m: 'MAIN',
  x: 'EXTENDED',
};

const COMPRESSION: Readonly<Record<string, string>> = { p: 'pglz', l: 'lz4' };

function notNullOf(
  reader: CatalogReader,
  relation: RelationRow,
  column: ColumnRow,
  notNull: NotNullRow | undefined,
): NotNull | null {
  if (reader.version >= 180_000) {
    if (notNull === undefined || (!notNull.is_local && !relation.is_partition)) return null;
    return { name: notNull.name, noInherit: notNull.no_inherit, isValid: notNull.is_valid };
  }
  if (!column.not_null) return null;
  // Nobody knows any more whether a child would have it without its parent.
  if (column.parents > 0 && column.parent_not_null && !relation.is_partition) return null;
  return { name: null, noInherit: false, isValid: true };
}

function viewOf(
  reader: CatalogReader,
  row: RelationRow,
  columns: readonly ReadColumn[],
  privileges: readonly Privilege[],
): ViewObject {
  const kind = row.kind === 'v' ? 'view' : 'materialized view';
  return {
    kind,
    key: `${kind} ${row.schema}.${row.name}`,
    address: `${CLASS}:${row.oid}`,
    name: { schema: row.schema, name: row.name },
    owner: row.owner,
    comment: reader.comment(CLASS, row.oid),
    privileges,
    definition: (row.definition ?? '').replace(/;\s*$/, ''),
    options: row.options ?? [],
    columns: columns.map(({ row: column }) => ({
      name: column.name,
      comment: reader.comment(CLASS, row.oid, column.position),
    })),
  };
}

function sequenceOf(
  reader: CatalogReader,
  row: SequenceRow,
  privileges: readonly Privilege[],
): SequenceObject {
  return {
    kind: 'sequence',
    key: `sequence ${row.schema}.${row.name}`,
    address: `${CLASS}:${row.oid}`,
    name: { schema: row.schema, name: row.name },
    owner: row.owner,
    comment: reader.comment(CLASS, row.oid),
    privileges,
    options: sequenceOptionsOf(row),
    isUnlogged: row.unlogged,
  };
}

function sequenceOptionsOf(row: SequenceRow): SequenceOptions {
  const { type, start, increment, min, max, cache, cycle } = row;
  return { type, start, increment, min, max, cache, cycle };
}
