import type { Row } from '../db/connection.js';
import { type CatalogReader, isOwn, isUsers, roleName } from './catalog-reader.js';
import type { DatabaseObject, Privilege } from './database-object.js';

/** Reads what belongs to the database as a whole: schemas, extensions, event triggers, default privileges. */
export async function readDatabaseParts(reader: CatalogReader): Promise<DatabaseObject[]> {
  return [
    ...(await readSchemas(reader)),
    ...(await readExtensions(reader)),
    ...(await readEventTriggers(reader)),
    ...(await readDefaultPrivileges(reader)),
  ];
}

export const OUR_EXTENSIONS = `('pgq', 'pgq_node', 'pgq_ext', 'pgq_coop', 'londiste', 'plpgsql')`;

async function readSchemas(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<Row & { oid: number; name: string; owner: string }>(
    // The schema public is in every database; its rights are a user's to set.
    `select o.oid, o.nspname::text as name, pg_get_userbyid(o.nspowner)::text as owner
       from pg_namespace as o, lateral (select o.nspname) as n
      where ((${isUsers('pg_namespace')}) or o.nspname = 'public')`,
  );
  const privileges = await reader.privileges('pg_namespace', {
    acl: 'nspacl',
    owner: 'nspowner',
    type: `'n'`,
  });
  return rows.map((row) => ({
    kind: 'schema',
    key: `schema ${row.name}`,
    address: `pg_namespace:${row.oid}`,
    name: row.name,
    owner: row.owner,
    comment: reader.comment('pg_namespace', row.oid),
    privileges: privileges.get(row.oid) ?? [],
  }));
}

async function readExtensions(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<Row & { oid: number; name: string; schema: string }>(
    `select o.oid, o.extname::text as name, n.nspname::text as schema
       from pg_extension as o
       join pg_namespace as n on n.oid = o.extnamespace
      where o.extname not in ${OUR_EXTENSIONS}`,
  );
  return rows.map((row) => ({
    kind: 'extension',
    key: `extension ${row.name}`,
    address: `pg_extension:${row.oid}`,
    name: row.name,
    schema: row.schema,
    // They are of whoever makes it.
    owner: null,
    comment: null,
    privileges: [],
  }));
}

async function readEventTriggers(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<
    Row & {
      oid: number;
      name: string;
      owner: string;
      event: string;
      tags: string[] | null;
      routine: string;
      enabled: string;
    }
  >(
    `select o.oid, o.evtname::text as name, pg_get_userbyid(o.evtowner)::text as owner, o.evtevent::text as event, o.evttags as tags,
            quote_ident(n.nspname) || '.' || quote_ident(f.proname) || '()' as routine, o.evtenabled::text as enabled
       from pg_event_trigger as o
       join pg_proc as f on f.oid = o.evtfoid
       join pg_namespace as n on n.oid = f.pronamespace
      where ${isUsers('pg_event_trigger')}`,
  );
  return rows.map((row) => ({
    kind: 'event trigger',
    key: `event trigger ${row.name}`,
    address: `pg_event_trigger:${row.oid}`,
    name: row.name,
    owner: row.owner,
    comment: reader.comment('pg_event_trigger', row.oid),
    privileges: [],
    event: row.event,
    tags: row.tags ?? [],
    routine: row.routine,
    enabled: row.enabled,
  }));
}

const KINDS: Readonly<Record<string, string>> = {
  r: 'TABLES',
  S: 'SEQUENCES',
  f: 'FUNCTIONS',
  T: 'TYPES',
  n: 'SCHEMAS',
  L: 'LARGE OBJECTS',
};

async function readDefaultPrivileges(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<
    Row & {
      oid: number;
      role: string;
      schema: string | null;
      objects: string;
      privileges: string | null;
    }
  >(
    // Those of one schema are added to the others; those of all schemas replace what a new object has.
    `with declared as (
       select o.oid, pg_get_userbyid(o.defaclrole)::text as role, n.nspname::text as schema, o.defaclobjtype::text as objects, o.defaclacl as acl,
              case when o.defaclnamespace = 0
                   then acldefault(case o.defaclobjtype when 'S' then 's'::"char" else o.defaclobjtype end, o.defaclrole) end as usual
         from pg_default_acl as o
         left join pg_namespace as n on n.oid = o.defaclnamespace
        where n.nspname is null or n.nspname not in ('pgq', 'pgq_node', 'pgq_ext', 'pgq_coop', 'londiste', 'pgcascade')
     ), held as (
       select d.oid, x.* from declared as d, aclexplode(d.acl) as x
     ), usual as (
       select d.oid, x.* from declared as d, aclexplode(d.usual) as x
     ), different as (
       select 'grant' as action, g.* from (select * from held except select * from usual) as g
       union all
       select 'revoke', r.* from (select * from usual except select * from held) as r
     )
     select d.oid, d.role, d.schema, d.objects,
            (select jsonb_agg(jsonb_build_object('action', x.action, 'grantor', d.role, 'grantee', ${roleName('x.grantee')},
                                                 'privilege', x.privilege_type, 'grantable', x.is_grantable)
                              order by x.action desc, x.grantee, x.privilege_type)
               from different as x where x.oid = d.oid)::text as privileges
       from declared as d`,
  );
  return rows.map((row) => ({
    kind: 'default privileges',
    key: `default privileges of ${row.role} ${row.schema === null ? '' : `in ${row.schema} `}on ${KINDS[row.objects] ?? row.objects}`,
    address: `pg_default_acl:${row.oid}`,
    owner: null,
    comment: null,
    privileges: JSON.parse(row.privileges ?? '[]') as Privilege[],
    role: row.role,
    schema: row.schema,
    objects: KINDS[row.objects] ?? row.objects,
  }));
}

/** What we know of and do not make: catalog, what it is called, its name, why. */
const UNSUPPORTED: readonly (readonly [
  catalog: string,
  what: string,
  name: string,
  condition: string,
  reason: string,
])[] = [
  [
    'pg_type',
    'base type',
    `n.nspname || '.' || o.typname`,
    `o.typtype = 'b' and o.typelem = 0 and o.typnamespace = n.oid`,
    'its functions are in C, which comes with the software that uses it',
  ],
  [
    'pg_operator',
    'operator',
    `n.nspname || '.' || o.oprname || ' (' || format_type(o.oprleft, null) || ', ' || format_type(o.oprright, null) || ')'`,
    'o.oprnamespace = n.oid',
    '',
  ],
  ['pg_opclass', 'operator class', `n.nspname || '.' || o.opcname`, 'o.opcnamespace = n.oid', ''],
  ['pg_opfamily', 'operator family', `n.nspname || '.' || o.opfname`, 'o.opfnamespace = n.oid', ''],
  ['pg_conversion', 'conversion', `n.nspname || '.' || o.conname`, 'o.connamespace = n.oid', ''],
  ['pg_ts_parser', 'text search parser', `n.nspname || '.' || o.prsname`, 'o.prsnamespace = n.oid', ''],
  ['pg_ts_dict', 'text search dictionary', `n.nspname || '.' || o.dictname`, 'o.dictnamespace = n.oid', ''],
  ['pg_ts_template', 'text search template', `n.nspname || '.' || o.tmplname`, 'o.tmplnamespace = n.oid', ''],
  [
    'pg_ts_config',
    'text search configuration',
    `n.nspname || '.' || o.cfgname`,
    'o.cfgnamespace = n.oid',
    '',
  ],
  [
    'pg_class',
    'foreign table',
    `n.nspname || '.' || o.relname`,
    `o.relkind = 'f' and o.relnamespace = n.oid`,
    'where it leads to is a setting of this installation',
  ],
];

const UNSUPPORTED_WITHOUT_SCHEMA: readonly (readonly [
  catalog: string,
  what: string,
  name: string,
  reason: string,
])[] = [
  ['pg_cast', 'cast', `format_type(o.castsource, null) || ' as ' || format_type(o.casttarget, null)`, ''],
  ['pg_am', 'access method', 'o.amname::text', ''],
  ['pg_language', 'language', 'o.lanname::text', ''],
  ['pg_transform', 'transform', `'for ' || format_type(o.trftype, null)`, ''],
  [
    'pg_foreign_data_wrapper',
    'foreign-data wrapper',
    'o.fdwname::text',
    'where it leads to is a setting of this installation',
  ],
  [
    'pg_foreign_server',
    'foreign server',
    'o.srvname::text',
    'where it leads to is a setting of this installation, and its user mappings hold passwords',
  ],
  ['pg_publication', 'publication', 'o.pubname::text', 'it would publish the rows a second time'],
];

const BY_HAND = 'this kind of object is made by hand, for example from pg_dump';

/** Reads what there is that we cannot make. */
export async function readUnsupported(reader: CatalogReader): Promise<DatabaseObject[]> {
  const queries = [
    ...UNSUPPORTED.map(
      ([catalog, what, name, condition, reason]) =>
        `select '${catalog}:' || o.oid as address, '${what}' as what, ${name} as name, '${reason}' as reason
           from ${catalog} as o, pg_namespace as n where ${condition} and ${isUsers(catalog)}`,
    ),
    ...UNSUPPORTED_WITHOUT_SCHEMA.map(
      ([catalog, what, name, reason]) =>
        `select '${catalog}:' || o.oid, '${what}', ${name}, '${reason}' from ${catalog} as o where ${isOwn(catalog)}
           -- A cast of a range comes with it.
           and not exists (select from pg_depend as i where i.classid = '${catalog}'::regclass and i.objid = o.oid and i.deptype = 'i')`,
    ),
  ];
  // The oid of a subscription is not for everybody to read.
  queries.push(
    `select 'pg_subscription:' || s.subname, 'subscription', s.subname::text, 'it would apply the rows a second time'
       from pg_subscription as s
      where s.subdbid = (select b.oid from pg_database as b where b.datname = current_database())`,
    `select 'pg_seclabel:' || l.classoid || ':' || l.objoid || ':' || l.objsubid, 'security label',
            l.provider || ' on ' || pg_describe_object(l.classoid, l.objoid, l.objsubid), '' from pg_seclabel as l
      where l.objoid >= 16384`,
  );
  const rows = await reader.rows<Row & { address: string; what: string; name: string; reason: string }>(
    `${queries.join('\nunion all\n')}\norder by 2, 3`,
  );
  return rows.map(({ address, what, name, reason }) => ({
    kind: 'unsupported',
    key: `${what} ${name}`,
    address,
    owner: null,
    comment: null,
    privileges: [],
    reason: reason === '' ? BY_HAND : reason,
  }));
}
