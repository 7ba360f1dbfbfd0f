import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteName, splitName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TargetColumn, TargetTable } from './target-table.js';

// Catalog columns that only newer servers have are read through to_jsonb, so that one text serves 10 to 18.
const TABLE_SQL = `
select c.oid::pg_catalog.int8 as oid,
       c.relkind::pg_catalog.text as relkind,
       not pg_catalog.row_security_active(c.oid) and not c.relhasrules as can_copy,
       coalesce((
           select pg_catalog.json_agg(k.columns)
             from (
                   select pg_catalog.array_agg(a.attname::pg_catalog.text order by p.place) as columns
                     from pg_catalog.pg_index as i
                    cross join lateral pg_catalog.unnest(i.indkey) with ordinality as p(attnum, place)
                     join pg_catalog.pg_attribute as a
                       on a.attrelid = i.indrelid
                      and a.attnum = p.attnum
                    where i.indrelid = c.oid
                      and i.indisunique
                      and i.indisvalid
                      and i.indimmediate
                      and i.indpred is null
                      and i.indexprs is null
                      and p.place <= coalesce((pg_catalog.to_jsonb(i) ->> 'indnkeyatts')::pg_catalog.int4, i.indnatts)
                    group by i.indexrelid
                  ) as k
       ), '[]')::pg_catalog.text as unique_keys
  from pg_catalog.pg_class as c
  join pg_catalog.pg_namespace as n
    on n.oid = c.relnamespace
 where n.nspname = $1
   and c.relname = $2`;

const COLUMNS_SQL = `
with recursive below as (
    select a.attnum, a.atttypmod as typmod, t.oid, t.typbasetype, t.typtypmod
      from pg_catalog.pg_attribute as a
      join pg_catalog.pg_type as t
        on t.oid = a.atttypid
     where a.attrelid = $1
       and a.attnum > 0
       and not a.attisdropped
    union all
    select d.attnum, case when d.typmod >= 0 then d.typmod else d.typtypmod end, t.oid, t.typbasetype, t.typtypmod
      from below as d
      join pg_catalog.pg_type as t
        on t.oid = d.typbasetype
)
select a.attname::pg_catalog.text as name,
       n.nspname::pg_catalog.text as type_schema,
       t.typname::pg_catalog.text as type_name,
       t.typtype::pg_catalog.text as type_kind,
       case
           when t.typtype = 'c' or t.typelem <> 0 and t.typlen = -1 then 'of texts'
           when t.typarray <> 0 and t.typdelim = ',' then 'of its type'
       end as list_kind,
       b.typmod,
       pg_catalog.format_type(a.atttypid, a.atttypmod) as stored_type,
       coalesce(pg_catalog.to_jsonb(a) ->> 'attgenerated', '') <> '' as is_generated,
       a.attidentity::pg_catalog.text as identity,
       a.attnotnull as is_not_null,
       cn.nspname::pg_catalog.text as collation_schema,
       co.collname::pg_catalog.text as collation_name,
       coalesce((pg_catalog.to_jsonb(co) ->> 'collisdeterministic')::pg_catalog.bool, true) as is_deterministic,
       e.nspname::pg_catalog.text as equals_schema,
       e.oprname::pg_catalog.text as equals_name
  from below as b
  join pg_catalog.pg_attribute as a
    on a.attrelid = $1
   and a.attnum = b.attnum
  join pg_catalog.pg_type as t
    on t.oid = b.oid
  join pg_catalog.pg_namespace as n
    on n.oid = t.typnamespace
  left join pg_catalog.pg_collation as co
    on co.oid = a.attcollation
  left join pg_catalog.pg_namespace as cn
    on cn.oid = co.collnamespace
  left join lateral (
       select en.nspname, eo.oprname
         from pg_catalog.pg_opclass as oc
         join pg_catalog.pg_am as am
           on am.oid = oc.opcmethod
          and am.amname = 'btree'
         join pg_catalog.pg_amop as ao
           on ao.amopfamily = oc.opcfamily
          and ao.amoplefttype = oc.opcintype
          and ao.amoprighttype = oc.opcintype
          and ao.amopstrategy = 3
         join pg_catalog.pg_operator as eo
           on eo.oid = ao.amopopr
         join pg_catalog.pg_namespace as en
           on en.oid = eo.oprnamespace
        where oc.opcintype = t.oid
          and oc.opcdefault
       ) as e
    on true
 where b.typbasetype = 0
 order by a.attnum`;

/** Types of pg_catalog where equal values have one text. Numeric joins them when its scale is fixed. */
const EXACT_TYPES = new Set(
  (
    'int2 int4 int8 oid bool text varchar bpchar name char uuid date time timestamp timestamptz bytea ' +
    'bit varbit inet cidr macaddr macaddr8 pg_lsn xid8'
  ).split(' '),
);

interface TableRow extends Record<string, unknown> {
  readonly oid: bigint;
  readonly relkind: string;
  readonly can_copy: boolean;
  readonly unique_keys: string;
}

interface ColumnRow extends Record<string, unknown> {
  readonly name: string;
  readonly type_schema: string;
  readonly type_name: string;
  readonly type_kind: string;
  /** There is no array of arrays, and unnest takes composite values apart: these come in arrays of texts. */
  readonly list_kind: 'of its type' | 'of texts' | null;
  readonly typmod: number;
  readonly stored_type: string;
  readonly is_generated: boolean;
  readonly identity: string;
  readonly is_not_null: boolean;
  readonly collation_schema: string | null;
  readonly collation_name: string | null;
  readonly is_deterministic: boolean;
  readonly equals_schema: string | null;
  readonly equals_name: string | null;
}

/**
 * Reads what apply must know of a table of the subscriber. Changes nothing.
 *
 * Throws PC406 when the table is not there, PC403 when it is neither an ordinary nor a partitioned table.
 */
export async function loadTargetTable(
  connection: Connection,
  queueTable: string,
  destTable: string,
): Promise<TargetTable> {
  const { schema, name } = splitName(destTable);
  const [found] = await connection.query<TableRow>(TABLE_SQL, [schema, name]);
  if (found === undefined) {
    throw new ReplicateError('PC406', `The table ${destTable} is not on this node.`, { table: destTable });
  }
  const { oid, relkind } = found;
  if (relkind !== 'r' && relkind !== 'p') {
    throw new ReplicateError('PC403', `${destTable} is not a table that rows can be replicated to.`, {
      table: destTable,
      relkind,
    });
  }
  const columns = await connection.query<ColumnRow>(COLUMNS_SQL, [oid]);
  return {
    queueTable,
    destTable,
    nameSql: quoteName(destTable),
    oid,
    relkind,
    columns: columns.map(targetColumn),
    uniqueKeys: JSON.parse(found.unique_keys) as string[][],
    canCopy: found.can_copy,
  };
}

function targetColumn(row: ColumnRow): TargetColumn {
  const isBuiltIn = row.type_schema === 'pg_catalog';
  const typeSql = qualified(row.type_schema, row.type_name);
  return {
    name: row.name,
    typeSql,
    storedTypeSql: row.stored_type,
    isJson: isBuiltIn && (row.type_name === 'json' || row.type_name === 'jsonb'),
    collateSql:
      row.collation_schema === null || row.collation_name === null || row.collation_name === 'default'
        ? ''
        : ` collate ${qualified(row.collation_schema, row.collation_name)}`,
    equalsSql:
      row.equals_schema === null || row.equals_name === null
        ? 'operator(pg_catalog.=)'
        : `operator(${quoteIdentifier(row.equals_schema)}.${row.equals_name})`,
    hasExactText: hasExactText(row, isBuiltIn),
    isGenerated: row.is_generated,
    identity: row.identity === 'a' ? 'always' : row.identity === 'd' ? 'by-default' : 'none',
    isNotNull: row.is_not_null,
    list: listOf(row, typeSql),
  };
}

function listOf({ list_kind }: ColumnRow, typeSql: string): TargetColumn['list'] {
  if (list_kind === null) return undefined;
  return list_kind === 'of its type'
    ? { elementSql: typeSql, castSql: '' }
    : { elementSql: 'pg_catalog.text', castSql: `::${typeSql}` };
}

function hasExactText(row: ColumnRow, isBuiltIn: boolean): boolean {
  if (row.type_kind === 'e') return true;
  if (!isBuiltIn || !row.is_deterministic) return false;
  return EXACT_TYPES.has(row.type_name) || (row.type_name === 'numeric' && row.typmod >= 0);
}

function qualified(schema: string, name: string): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}
