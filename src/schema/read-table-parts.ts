import type { Row } from '../db/connection.js';
import type { QualifiedName } from '../db/identifier.js';
import { type CatalogReader, isUsers } from './catalog-reader.js';
import type {
  ConstraintObject,
  DatabaseObject,
  IndexObject,
  PartBase,
  TriggerObject,
} from './database-object.js';

/** What every query of parts says of the part's table. */
interface PartRow extends Row {
  readonly oid: number;
  readonly schema: string;
  readonly relation: string;
  readonly columns: string[] | null;
}

const TABLE = `n.nspname::text as schema, o.relname::text as relation`;
/** The table's name as the server's functions that make definitions write it. */
const WRITTEN = `quote_ident(n.nspname) || '.' || quote_ident(o.relname)`;

/** Names of the columns that a part of the table needs, by pg_depend. */
function columnsOf(catalog: string, oid: string): string {
  return `(select array_agg(a.attname::text order by a.attnum) from pg_attribute as a
    where a.attrelid = o.oid and a.attnum in (
      select d.refobjsubid from pg_depend as d
       where d.classid = '${catalog}'::regclass and d.objid = ${oid} and d.refclassid = 'pg_class'::regclass
         and d.refobjid = o.oid and d.refobjsubid > 0)) as columns`;
}

/** Reads what belongs to tables and views: defaults, constraints, indexes, triggers and so on. */
export async function readTableParts(reader: CatalogReader): Promise<DatabaseObject[]> {
  return [
    ...(await readDefaults(reader)),
    ...(await readPartitions(reader)),
    ...(await readSequenceOwners(reader)),
    ...(await readReplicaIdentities(reader)),
    ...(await readConstraints(reader)),
    ...(await readIndexes(reader)),
    ...(await readStatistics(reader)),
    ...(await readTriggers(reader)),
    ...(await readRules(reader)),
    ...(await readPolicies(reader)),
  ];
}

function part(
  reader: CatalogReader,
  kind: string,
  catalog: string,
  row: PartRow,
  name: string,
): PartBase & { readonly key: string } {
  return {
    key: `${kind} ${row.schema}.${row.relation}${name === '' ? '' : ` ${name}`}`,
    address: `${catalog}:${row.oid}`,
    table: tableOf(row),
    columns: row.columns ?? [],
    owner: null,
    comment: reader.comment(catalog, row.oid),
    privileges: [],
  };
}

function tableOf({ schema, relation }: PartRow): QualifiedName {
  return { schema, name: relation };
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

interface ConstraintRow extends PartRow {
  readonly name: string;
  readonly type: string;
  readonly definition: string;
  readonly partitioned: boolean;
  readonly clustered: boolean;
  readonly identity: boolean;
  readonly options: string[] | null;
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

const PARENT_INDEX = `
       left join pg_inherits as ii on ii.inhrelid = x.indexrelid
       left join pg_class as ip on ip.oid = ii.inhparent
       left join pg_namespace as ipn on ipn.oid = ip.relnamespace`;

async function readConstraints(reader: CatalogReader): Promise<ConstraintObject[]> {
  const rows = await reader.rows<ConstraintRow>(
    `select k.oid, ${TABLE}, k.conname::text as name, k.contype::text as type, pg_get_constraintdef(k.oid) as definition,
            o.relkind = 'p' as partitioned, coalesce(x.indisclustered, false) as clustered, coalesce(x.indisreplident, false) as identity,
            (select i.reloptions from pg_class as i where i.oid = x.indexrelid) as options,
            fn.nspname::text as other_schema, f.relname::text as other, ipn.nspname::text as parent_schema, ip.relname::text as parent,
            coalesce((select array_agg(a.attname::text) from pg_attribute as a where a.attrelid = o.oid and a.attnum = any (k.conkey)), '{}')
              || coalesce((select array_agg(a.attname::text) from pg_attribute as a where a.attrelid = x.indrelid and a.attnum = any (x.indkey::int2[])), '{}') as columns
       from pg_constraint as k
       join pg_class as o on o.oid = k.conrelid
       join pg_namespace as n on n.oid = o.relnamespace
       left join pg_class as f on f.oid = k.confrelid
       left join pg_namespace as fn on fn.oid = f.relnamespace
       left join pg_index as x on x.indexrelid = k.conindid and k.contype in ('p', 'u', 'x')${PARENT_INDEX}
      where k.contype in ('c', 'p', 'u', 'x', 'f') and ${isUsers('pg_class')}
        and (k.contype <> 'c' or k.conislocal or o.relispartition)
        and (k.contype <> 'f' or coalesce(to_jsonb(k) ->> 'conparentid', '0') = '0')
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
  readonly clustered: boolean;
  readonly identity: boolean;
  readonly targets: number[][] | null;
  readonly parent_schema: string | null;
  readonly parent: string | null;
}

async function readIndexes(reader: CatalogReader): Promise<IndexObject[]> {
  const rows = await reader.rows<IndexRow>(
    `select i.oid, ${TABLE}, i.relname::text as name, quote_ident(i.relname) as written, x.indisunique as unique, ${WRITTEN} as head,
            pg_get_indexdef(i.oid) as definition, i.relkind = 'I' as partitioned, x.indisclustered as clustered, x.indisreplident as identity,
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
      isClustered: row.clustered,
      isReplicaIdentity: row.identity,
      statistics: (row.targets ?? []).map(([position = 0, target = 0]) => ({ position, target })),
      parentIndex: parentOf(row),
    };
  });
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

async function readTriggers(reader: CatalogReader): Promise<TriggerObject[]> {
  const rows = await reader.rows<
    PartRow & {
      name: string;
      written: string;
      head: string;
      definition: string;
      routine: string;
      enabled: string;
      is_constraint: boolean;
      inherited: boolean;
    }
  >(
    `select t.oid, ${TABLE}, t.tgname::text as name, quote_ident(t.tgname) as written, ${WRITTEN} as head, pg_get_triggerdef(t.oid) as definition,
            t.tgfoid::regproc::text as routine, t.tgenabled::text as enabled, t.tgconstraint <> 0 as is_constraint, ${columnsOf('pg_trigger', 't.oid')},
            p.oid is not null as inherited
       from pg_trigger as t
       join pg_class as o on o.oid = t.tgrelid
       join pg_namespace as n on n.oid = o.relnamespace
       join pg_proc as f on f.oid = t.tgfoid
       join pg_namespace as fn on fn.oid = f.pronamespace
       -- The share of a partition in its parent's trigger.
       left join pg_inherits as i on i.inhrelid = o.oid and o.relispartition
       left join pg_trigger as p
         on p.tgrelid = i.inhparent and p.tgname = t.tgname and p.tgfoid = t.tgfoid and not p.tgisinternal and (t.tgtype & 1) = 1
        and ${reader.version} >= 110000
      where (not t.tgisinternal or p.oid is not null)
        and (p.oid is null or p.tgenabled <> t.tgenabled)
        and fn.nspname not in ('pgq', 'pgq_node', 'pgq_ext', 'pgq_coop', 'londiste', 'pgcascade')
        and ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => {
    const start = `CREATE ${row.is_constraint ? 'CONSTRAINT ' : ''}TRIGGER ${row.written} `.length;
    const table = row.definition.indexOf(` ON ${row.head} `, start);
    const rest = row.definition.slice(table + ` ON ${row.head} `.length);
    const call = rest.lastIndexOf(`EXECUTE PROCEDURE ${row.routine}(`);
    return {
      ...part(reader, 'trigger', 'pg_trigger', row, row.name),
      kind: 'trigger',
      name: row.name,
      events: row.definition.slice(start, table),
      isConstraint: row.is_constraint,
      // PROCEDURE was the word before PostgreSQL 11.
      definition:
        call < 0
          ? rest
          : `${rest.slice(0, call)}EXECUTE FUNCTION ${rest.slice(call + 'EXECUTE PROCEDURE '.length)}`,
      enabled: row.enabled,
      isInherited: row.inherited,
    };
  });
}

async function readRules(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<
    PartRow & { name: string; head: string; written: string; definition: string; enabled: string }
  >(
    `select r.oid, ${TABLE}, r.rulename::text as name, quote_ident(r.rulename) as written, ${WRITTEN} as head, pg_get_ruledef(r.oid) as definition,
            r.ev_enabled::text as enabled, ${columnsOf('pg_rewrite', 'r.oid')}
       from pg_rewrite as r
       join pg_class as o on o.oid = r.ev_class
       join pg_namespace as n on n.oid = o.relnamespace
      where r.rulename <> '_RETURN' and ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => {
    const [, event = ''] = /^\s*ON (\w+) TO /.exec(ruleTail(row)) ?? [];
    const tail = ruleTail(row).replace(/^\s*ON \w+ TO /, '');
    return {
      ...part(reader, 'rule', 'pg_rewrite', row, row.name),
      kind: 'rule',
      name: row.name,
      event,
      definition: tail.slice(row.head.length).trim().replace(/;$/, ''),
      enabled: row.enabled,
    };
  });
}

function ruleTail({
  definition,
  written,
}: {
  readonly definition: string;
  readonly written: string;
}): string {
  return definition.slice(`CREATE RULE ${written} AS`.length);
}

async function readPolicies(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<
    PartRow & {
      name: string;
      command: string;
      permissive: boolean;
      roles: string[];
      using: string | null;
      check: string | null;
    }
  >(
    `select p.oid, ${TABLE}, p.polname::text as name, p.polcmd::text as command, p.polpermissive as permissive,
            (select array_agg(case when r = 0 then 'PUBLIC' else pg_get_userbyid(r)::text end order by r) from unnest(p.polroles) as r) as roles,
            pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as check, ${columnsOf('pg_policy', 'p.oid')}
       from pg_policy as p
       join pg_class as o on o.oid = p.polrelid
       join pg_namespace as n on n.oid = o.relnamespace
      where ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => ({
    ...part(reader, 'policy', 'pg_policy', row, row.name),
    kind: 'policy',
    name: row.name,
    command: POLICY_COMMANDS[row.command] ?? 'ALL',
    isPermissive: row.permissive,
    roles: row.roles,
    using: row.using,
    check: row.check,
  }));
}

const POLICY_COMMANDS: Readonly<Record<string, string>> = {
  r: 'SELECT',
  a: 'INSERT',
  w: 'UPDATE',
  d: 'DELETE',
};
