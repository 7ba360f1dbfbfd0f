import type { Row } from '../db/connection.js';
import type { CatalogReader } from './catalog-reader.js';
import type { DatabaseObject } from './database-object.js';

/** Reads from pg_depend which object needs which; both by key. */
export async function readNeeds(
  reader: CatalogReader,
  objects: readonly DatabaseObject[],
): Promise<Map<string, Set<string>>> {
  const keys = new Map(objects.map(({ address, key }) => [address, key]));
  const aliases = await readAliases(reader);
  const keyOf = (address: string): string | undefined => {
    const alias = aliases.get(address);
    return keys.get(address) ?? (alias === undefined ? undefined : keys.get(aliases.get(alias) ?? alias));
  };
  const rows = await reader.connection.queryArrays(
    // That a sequence belongs to a column is an object of its own.
    `select d.classid::regclass::text || ':' || d.objid, d.refclassid::regclass::text || ':' || d.refobjid
       from pg_depend as d
       left join pg_class as s on d.classid = 'pg_class'::regclass and s.oid = d.objid
      where d.objid >= 16384 and d.refobjid >= 16384 and d.deptype not in ('e', 'x', 'p')
        and not (d.deptype = 'a' and coalesce(s.relkind = 'S', false))`,
  );
  const needs = new Map<string, Set<string>>();
  const add = (key: string | undefined, needed: string | undefined): void => {
    if (key === undefined || needed === undefined || key === needed) return;
    const set = needs.get(key) ?? new Set();
    set.add(needed);
    needs.set(key, set);
  };
  for (const [from, to] of rows) add(keyOf(from as string), keyOf(to as string));
  addOurs(objects, add);
  return needs;
}

type Add = (key: string | undefined, needed: string | undefined) => void;

/** What follows from the way in which we make the objects. */
function addOurs(objects: readonly DatabaseObject[], add: Add): void {
  const relations = new Map<string, string>();
  for (const object of objects) {
    if (object.kind === 'table' || object.kind === 'view' || object.kind === 'materialized view') {
      relations.set(`${object.name.schema}.${object.name.name}`, object.key);
      add(object.key, `schema ${object.name.schema}`);
    }
  }
  const relation = ({ schema, name }: { schema: string; name: string }) => relations.get(`${schema}.${name}`);
  const checks = new Map<string | undefined, string[]>();
  const partitions = new Map<string | undefined, string[]>();
  const restrictive = new Map<string | undefined, string[]>();
  const push = (map: Map<string | undefined, string[]>, at: string | undefined, key: string): void => {
    map.set(at, [...(map.get(at) ?? []), key]);
  };
  for (const object of objects) {
    if ('table' in object) add(object.key, relation(object.table));
    if (object.kind === 'sequence owner')
      add(object.key, `sequence ${object.sequence.schema}.${object.sequence.name}`);
    if (object.kind === 'check') push(checks, relation(object.table), object.key);
    if (object.kind === 'policy' && !object.isPermissive)
      push(restrictive, relation(object.table), object.key);
    if (object.kind === 'partition') push(partitions, relation(object.parent), object.key);
    if (object.kind === 'member rights') add(object.key, `extension ${object.extension}`);
    if (object.kind === 'default privileges' && object.schema !== null)
      add(object.key, `schema ${object.schema}`);
  }
  for (const object of objects) {
    if (object.kind === 'partition') {
      // A table can be attached when it has the checks of its parent.
      add(object.key, relation(object.parent));
      for (const table of [object.table, object.parent]) {
        for (const check of checks.get(relation(table)) ?? []) add(object.key, check);
      }
    }
    // What a policy shows must never be there without what takes from it.
    if (object.kind === 'policy' && object.isPermissive) {
      for (const policy of restrictive.get(relation(object.table)) ?? []) add(object.key, policy);
    }
    // A partition that is attached would get an index of its own for each of its parent's.
    if (
      (object.kind === 'index' || 'isPartitioned' in object) &&
      object.isPartitioned &&
      object.kind !== 'check'
    ) {
      for (const partition of partitions.get(relation(object.table)) ?? []) add(object.key, partition);
    }
    if (object.kind === 'trigger' && object.isInherited) {
      add(object.key, `partition ${object.table.schema}.${object.table.name}`);
    }
  }
}

/** Rows of the catalog that are a part of an object which has a row of its own. */
async function readAliases(reader: CatalogReader): Promise<Map<string, string>> {
  const rows = await reader.rows<Row & { part: string; of: string }>(
    `select 'pg_type:' || t.oid as part, 'pg_class:' || t.typrelid as of from pg_type as t
       join pg_class as c on c.oid = t.typrelid and c.relkind <> 'c' where t.typrelid >= 16384
     union all
     select 'pg_class:' || t.typrelid, 'pg_type:' || t.oid from pg_type as t
       join pg_class as c on c.oid = t.typrelid and c.relkind = 'c' where t.typrelid >= 16384
     union all
     select 'pg_type:' || a.oid,
            case when t.typrelid <> 0 and c.relkind <> 'c' then 'pg_class:' || t.typrelid else 'pg_type:' || t.oid end
       from pg_type as t
       join pg_type as a on a.oid = t.typarray
       left join pg_class as c on c.oid = t.typrelid
      where a.oid >= 16384
     union all
     select 'pg_type:' || (to_jsonb(r) ->> 'rngmultitypid'), 'pg_type:' || r.rngtypid from pg_range as r
      where to_jsonb(r) ->> 'rngmultitypid' is not null and r.rngtypid >= 16384
     union all
     select 'pg_class:' || k.conindid, 'pg_constraint:' || k.oid from pg_constraint as k
      where k.contype in ('p', 'u', 'x')
     union all
     select 'pg_constraint:' || k.oid, 'pg_class:' || k.conrelid from pg_constraint as k where k.contype = 'n' and k.conrelid <> 0
     union all
     select 'pg_attrdef:' || d.oid, 'pg_class:' || d.adrelid from pg_attrdef as d
       join pg_attribute as a on a.attrelid = d.adrelid and a.attnum = d.adnum
      where coalesce(to_jsonb(a) ->> 'attgenerated', '') <> ''
     union all
     select 'pg_rewrite:' || r.oid, 'pg_class:' || r.ev_class from pg_rewrite as r where r.rulename = '_RETURN' and r.oid >= 16384
     union all
     select 'pg_class:' || d.objid, 'pg_class:' || d.refobjid from pg_depend as d
       join pg_class as s on s.oid = d.objid and s.relkind = 'S'
      where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass and d.deptype = 'i'
     union all
     select 'pg_proc:' || d.objid, 'pg_type:' || d.refobjid from pg_depend as d
      where d.classid = 'pg_proc'::regclass and d.refclassid = 'pg_type'::regclass and d.deptype = 'i'
     union all
     select d.classid::regclass::text || ':' || d.objid, 'pg_extension:' || d.refobjid from pg_depend as d
      where d.deptype = 'e'`,
  );
  return new Map(rows.map(({ part, of }) => [part, of]));
}
