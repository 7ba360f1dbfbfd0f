import type { Connection, Row } from '../db/connection.js';
import type { ReplicatedTable } from '../replica/table-list.js';
import { readValueTypes, type ValueType } from './value-type.js';

/** A table of one side as the side's snapshot shows it. */
export interface TableShape {
  readonly oid: number;
  readonly destTable: string;
  readonly isPartitioned: boolean;
  readonly columns: readonly ColumnShape[];
  /** Columns of the primary key, else of the smallest unique index over not-null columns; empty without one. */
  readonly keyColumns: readonly string[];
  /** An estimate from the catalogue; may be far off. */
  readonly rowCount: number;
  /** Each piece of storage with its file, which changes when the table is truncated or rewritten. */
  readonly storage: readonly Storage[];
}

export interface ColumnShape {
  readonly name: string;
  readonly type: ValueType;
  /** The declared type, as SQL. */
  readonly typeSql: string;
  /** Only `overriding system value` writes it. */
  readonly isIdentityAlways: boolean;
  /** Computed by the server. */
  readonly isGenerated: boolean;
  readonly isNotNull: boolean;
  /** How the column's texts are ordered; undefined for types that are not ordered by a collation. */
  readonly textOrder: TextOrder | undefined;
  /** How far the order of the values follows the order on disk, -1 to 1; 0 when it is not known. */
  readonly correlation: number;
}

/** The order of texts: a collation of an encoding. */
export interface TextOrder {
  /** The same on two servers when they mean the same, be it in other versions. */
  readonly name: string;
  /** By the bytes of the texts, as every server does it. */
  readonly isOfBytes: boolean;
}

export interface Storage {
  readonly oid: number;
  readonly filenode: number;
  /** Rows in a page. */
  readonly density: number;
}

export interface TableSize {
  /** An estimate. */
  readonly rowCount: number;
  /** Pages of the largest piece of storage: of the table itself or of its largest partition. */
  readonly pageCount: number;
}

/** Rows in a page where nothing better is known; too many chunks are better than too large ones. */
const ROWS_PER_PAGE = 60;

/**
 * Reads the shapes of tables by their queue name, a handful of statements for any number of tables. A table whose
 * relation is not there, or holds no rows of its own (view, foreign table), is left out.
 */
export async function readTableShapes(
  connection: Connection,
  tables: readonly ReplicatedTable[],
): Promise<Map<string, TableShape>> {
  const relations = await connection.query<RelationRow>(RELATION_SQL, [
    tables.map((table) => table.name),
    tables.map((table) => table.destTable),
  ]);
  const oids = [[...new Set(relations.map((relation) => relation.oid))]];
  const columns = await connection.query<ColumnRow>(COLUMN_SQL, oids);
  const keys = await connection.query<KeyRow>(KEY_SQL, oids);
  const storage = await connection.query<StorageRow>(STORAGE_SQL, oids);
  const types = await readValueTypes(
    connection,
    columns.map((column) => column.type),
  );
  const columnsOf = groupByTable(columns);
  const keyOf = groupByTable(keys);
  const storageOf = groupByTable(storage);
  return new Map(
    relations.map((relation) => {
      const pieces = storageOf.get(relation.oid) ?? [];
      return [
        relation.table_name,
        {
          oid: relation.oid,
          destTable: relation.dest_table,
          isPartitioned: relation.partitioned,
          columns: (columnsOf.get(relation.oid) ?? []).map((column) => toColumn(column, types)),
          keyColumns: keyOf.get(relation.oid)?.[0]?.columns ?? [],
          rowCount: pieces.reduce((sum, piece) => sum + Math.ceil(piece.pages_then * densityOf(piece)), 0),
          storage: pieces.map((piece) => ({
            oid: piece.oid,
            filenode: piece.filenode,
            density: densityOf(piece),
          })),
        },
      ];
    }),
  );
}

/** How large the table is now. Waits for a lock like a read of the table, so this is asked table by table. */
export async function readTableSize(connection: Connection, shape: TableShape): Promise<TableSize> {
  const pieces = await connection.query<{ pages: bigint | null }>(
    `select pg_relation_size(s.oid) / current_setting('block_size')::int8 as pages
       from unnest($1::int8[]::oid[]) with ordinality as s(oid, position)
      order by s.position`,
    [shape.storage.map((piece) => piece.oid)],
  );
  // The size of what is gone is null; the read itself will notice.
  const pages = pieces.map((piece) => Number(piece.pages ?? 0n));
  return {
    rowCount: shape.storage.reduce(
      (sum, { density }, index) => sum + Math.ceil((pages[index] ?? 0) * density),
      0,
    ),
    pageCount: Math.max(0, ...pages),
  };
}

/**
 * Whether the table still has the files that the snapshot knows. When not, it was truncated or rewritten since, and
 * a read in the snapshot would find it empty. To be asked while the table is locked, which every read of it does.
 */
export async function hasItsFiles(connection: Connection, shape: TableShape): Promise<boolean> {
  const { same } = await connection.one<{ same: boolean | null }>(
    `select bool_and(pg_relation_filenode(s.oid) is not distinct from s.filenode) as same
       from unnest($1::int8[]::oid[], $2::int8[]::oid[]) as s(oid, filenode)`,
    [shape.storage.map((piece) => piece.oid), shape.storage.map((piece) => piece.filenode)],
  );
  return same !== false;
}

function toColumn(row: ColumnRow, types: ReadonlyMap<number, ValueType>): ColumnShape {
  return {
    name: row.name,
    type: types.get(row.type) ?? { kind: 'scalar', oid: row.type },
    typeSql: row.type_sql,
    isIdentityAlways: row.identity_always,
    isGenerated: row.generated,
    isNotNull: row.not_null,
    textOrder: row.text_order === null ? undefined : { name: row.text_order, isOfBytes: row.order_of_bytes },
    correlation: row.correlation,
  };
}

function densityOf(piece: StorageRow): number {
  return piece.rows > 0 && piece.pages_then > 0 ? piece.rows / piece.pages_then : ROWS_PER_PAGE;
}

function groupByTable<R extends { readonly table_oid: number }>(rows: readonly R[]): Map<number, R[]> {
  const groups = new Map<number, R[]>();
  for (const row of rows) {
    const group = groups.get(row.table_oid);
    if (group === undefined) groups.set(row.table_oid, [row]);
    else group.push(row);
  }
  return groups;
}

interface RelationRow extends Row {
  readonly oid: number;
  readonly table_name: string;
  readonly dest_table: string;
  readonly partitioned: boolean;
}

/** The first dot splits schema and name. */
const RELATION_SQL = `
    select c.oid as oid, t.table_name, t.dest_table, c.relkind = 'p' as partitioned
      from unnest($1::text[], $2::text[]) as t(table_name, dest_table)
      join pg_namespace as n
        on n.nspname = left(t.dest_table, strpos(t.dest_table, '.') - 1)
      join pg_class as c
        on c.relnamespace = n.oid
       and c.relname = substr(t.dest_table, strpos(t.dest_table, '.') + 1)
     where c.relkind in ('r', 'p')`;

interface ColumnRow extends Row {
  readonly table_oid: number;
  readonly name: string;
  readonly type: number;
  readonly type_sql: string;
  readonly identity_always: boolean;
  readonly generated: boolean;
  readonly not_null: boolean;
  readonly text_order: string | null;
  readonly order_of_bytes: boolean;
  readonly correlation: number;
}

/**
 * The catalogue of servers before version 12 has no attgenerated. What a collation is called has moved from column to
 * column with the versions; the default one is the database's.
 */
const COLUMN_SQL = `
    select a.attrelid as table_oid, a.attname::text as name, a.atttypid as type,
           format_type(a.atttypid, a.atttypmod) as type_sql, a.attidentity = 'a' as identity_always,
           coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '' as generated,
           a.attnotnull as not_null,
           getdatabaseencoding() || ' ' || o.kind || ' ' || replace(lower(o.name), '-', '') as text_order,
           coalesce(o.kind = 'b' or o.name in ('C', 'POSIX'), false) as order_of_bytes,
           coalesce(s.correlation, 0)::float8 as correlation
      from pg_attribute as a
      join pg_class as c on c.oid = a.attrelid
      join pg_namespace as n on n.oid = c.relnamespace
      left join pg_stats as s
        on s.schemaname = n.nspname and s.tablename = c.relname and s.attname = a.attname and not s.inherited
      left join lateral (
            select case when l.is_default then coalesce(l.database ->> 'datlocprovider', 'c')
                        else l.own ->> 'collprovider' end as kind,
                   case when l.is_default and coalesce(l.database ->> 'datlocprovider', 'c') = 'c' then l.database ->> 'datcollate'
                        when l.is_default then coalesce(l.database ->> 'datlocale', l.database ->> 'daticulocale')
                        when l.own ->> 'collprovider' = 'c' then l.own ->> 'collcollate'
                        else coalesce(l.own ->> 'colllocale', l.own ->> 'colliculocale', l.own ->> 'collcollate')
                   end || coalesce(l.database ->> 'daticurules', '') || coalesce(l.own ->> 'collicurules', '') as name
              from (select to_jsonb(k) as own, to_jsonb(d) as database, k.collname = 'default' and k.collprovider = 'd' as is_default
                      from pg_collation as k
                      join pg_database as d on d.datname = current_database()
                     where k.oid = a.attcollation) as l
           ) as o on true
     where a.attrelid = any ($1::int8[]::oid[])
       and a.attnum > 0
       and not a.attisdropped
     order by a.attrelid, a.attnum`;

interface KeyRow extends Row {
  readonly table_oid: number;
  readonly columns: readonly string[];
}

const KEY_SQL = `
    select i.indrelid as table_oid, k.columns
      from pg_index as i
     cross join lateral (
            select array_agg(a.attname::text order by p.position) as columns,
                   count(*) as column_count,
                   coalesce(bool_and(a.attnotnull), false) as not_null
              from unnest(i.indkey::int2[]) with ordinality as p(attnum, position)
              left join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = p.attnum and a.attnum > 0
             where p.position <= coalesce((to_jsonb(i) ->> 'indnkeyatts')::int4, i.indnatts)
           ) as k
     where i.indrelid = any ($1::int8[]::oid[])
       and i.indisunique
       and i.indisvalid
       and i.indpred is null
       and i.indexprs is null
       and k.not_null
     order by i.indisprimary desc, k.column_count, i.indexrelid`;

interface StorageRow extends Row {
  readonly table_oid: number;
  readonly oid: number;
  readonly filenode: number;
  readonly rows: number;
  readonly pages_then: number;
}

const STORAGE_SQL = `
    with recursive tree as (
            select c.oid as root, c.oid, c.relkind
              from pg_class as c
             where c.oid = any ($1::int8[]::oid[])
            union all
            select t.root, c.oid, c.relkind
              from tree as t
              join pg_inherits as i on i.inhparent = t.oid
              join pg_class as c on c.oid = i.inhrelid
             where t.relkind = 'p'
         )
    select t.root as table_oid, c.oid as oid, c.relfilenode as filenode,
           c.reltuples::float8 as rows, c.relpages as pages_then
      from tree as t
      join pg_class as c on c.oid = t.oid
     where t.relkind = 'r'`;
