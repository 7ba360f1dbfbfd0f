import { type CatalogReader, isUsers } from './catalog-reader.js';
import type { DatabaseObject } from './database-object.js';
import { readConstraints, readIndexes } from './read-indexes.js';
import { readPolicies, readRules, readTriggers } from './read-triggers.js';
import { type PartRow, part, TABLE, tableOf, WRITTEN } from './table-part.js';

/** Reads what belongs to tables and views: defaults, constraints, indexes, triggers and so on. */
export async function readTableParts(reader: CatalogReader): Promise<DatabaseObject[]> {
  return [
    ...(await readDefaults(reader)),
    ...(await readPartitions(reader)),
    ...(await readSequenceOwners(reader)),
    ...(await readReplicaIdentities(reader)),
    ...(await readConstraints(reader, 'own')),
    ...(await readIndexes(reader)),
    ...(await readStatistics(reader)),
    ...(await readTriggers(reader, 'own')),
    ...(await readRules(reader)),
    ...(await readPolicies(reader)),
  ];
}

/** Reads what partitions and children have from a parent: it is made with the parent, and by itself only where that is not made. */
export async function readInheritedParts(reader: CatalogReader): Promise<DatabaseObject[]> {
  return [...(await readConstraints(reader, 'inherited')), ...(await readTriggers(reader, 'inherited'))];
}

async function readDefaults(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<PartRow & { column: string; expression: string }>(
    `select d.oid, ${TABLE}, array[a.attname::text] as columns, a.attname::text as column, pg_get_expr(d.adbin, d.adrelid) as expression
       from pg_attrdef as d
       join pg_class as o on o.oid = d.adrelid
       join pg_namespace as n on n.oid = o.relnamespace
       join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
      where o.relkind in ('r', 'p', 'v') and coalesce(to_jsonb(a) ->> 'attgenerated', '') = ''
        and ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => ({
    ...part(reader, 'default', 'pg_attrdef', row, row.column),
    kind: 'default',
    column: row.column,
    expression: row.expression,
  }));
}

async function readPartitions(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<PartRow & { parent_schema: string; parent: string; bound: string }>(
    `select o.oid, ${TABLE}, null as columns, pn.nspname::text as parent_schema, p.relname::text as parent,
            pg_get_expr(o.relpartbound, o.oid) as bound
       from pg_inherits as i
       join pg_class as o on o.oid = i.inhrelid
       join pg_namespace as n on n.oid = o.relnamespace
       join pg_class as p on p.oid = i.inhparent
       join pg_namespace as pn on pn.oid = p.relnamespace
      where o.relispartition and o.relkind in ('r', 'p') and ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => ({
    ...part(reader, 'partition', 'pg_inherits', row, ''),
    comment: null,
    kind: 'partition',
    parent: { schema: row.parent_schema, name: row.parent },
    bound: row.bound,
  }));
}

async function readSequenceOwners(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<PartRow & { table_schema: string; table_name: string; column: string }>(
    `select o.oid, ${TABLE}, null as columns, tn.nspname::text as table_schema, t.relname::text as table_name, a.attname::text as column
       from pg_depend as d
       join pg_class as o on o.oid = d.objid
       join pg_namespace as n on n.oid = o.relnamespace
       join pg_class as t on t.oid = d.refobjid
       join pg_namespace as tn on tn.oid = t.relnamespace
       join pg_attribute as a on a.attrelid = t.oid and a.attnum = d.refobjsubid
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'a'
        and o.relkind = 'S' and ${isUsers('pg_class')} and ${reader.wanted('t.oid')}`,
  );
  return rows.map((row) => ({
    kind: 'sequence owner',
    key: `sequence owner ${row.schema}.${row.relation}`,
    address: `sequence owner:${row.oid}`,
    owner: null,
    comment: null,
    privileges: [],
    sequence: tableOf(row),
    table: { schema: row.table_schema, name: row.table_name },
    column: row.column,
  }));
}

async function readReplicaIdentities(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<PartRow & { identity: string }>(
    `select o.oid, ${TABLE}, null as columns, o.relreplident::text as identity
       from pg_class as o
       join pg_namespace as n on n.oid = o.relnamespace
      where o.relkind in ('r', 'p') and o.relreplident in ('f', 'n') and ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => ({
    ...part(reader, 'replica identity', 'replica identity', row, ''),
    kind: 'replica identity',
    identity: row.identity === 'f' ? 'full' : 'nothing',
  }));
}

async function readStatistics(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<
    PartRow & {
      name: string;
      own_schema: string;
      owner: string;
      definition: string;
      written: string;
      head: string;
      target: number | null;
    }
  >(
    `select s.oid, ${TABLE}, sn.nspname::text as own_schema, s.stxname::text as name, pg_get_userbyid(s.stxowner)::text as owner,
            pg_get_statisticsobjdef(s.oid) as definition, quote_ident(sn.nspname) || '.' || quote_ident(s.stxname) as written, ${WRITTEN} as head,
            nullif((to_jsonb(s) ->> 'stxstattarget')::int4, -1) as target,
            (select array_agg(a.attname::text) from pg_attribute as a where a.attrelid = o.oid and a.attnum = any (s.stxkeys::int2[])) as columns
       from pg_statistic_ext as s
       join pg_namespace as sn on sn.oid = s.stxnamespace
       join pg_class as o on o.oid = s.stxrelid
       join pg_namespace as n on n.oid = o.relnamespace
      where ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => {
    const start = `CREATE STATISTICS ${row.written}`.length;
    return {
      ...part(reader, 'statistics', 'pg_statistic_ext', row, row.name),
      key: `statistics ${row.own_schema}.${row.name}`,
      owner: row.owner,
      kind: 'statistics',
      name: { schema: row.own_schema, name: row.name },
      definition: row.definition.slice(start, row.definition.lastIndexOf(` FROM ${row.head}`)),
      target: row.target,
    };
  });
}
