import type { Row } from '../db/connection.js';
import type { CatalogReader } from './catalog-reader.js';
import type { MemberRightsObject } from './database-object.js';
import { OUR_EXTENSIONS } from './read-database-parts.js';

/** A catalog of objects with rights: where they stand, whose they are, and what GRANT calls the object. */
interface Members {
  readonly catalog: string;
  readonly acl: string;
  readonly owner: string;
  /** The letter that acldefault() takes. */
  readonly type: string;
  readonly granted: string;
  readonly condition: string;
}

const MEMBERS: readonly Members[] = [
  {
    catalog: 'pg_namespace',
    acl: 'nspacl',
    owner: 'nspowner',
    type: `'n'`,
    granted: `'SCHEMA ' || quote_ident(o.nspname)`,
    condition: 'true',
  },
  {
    catalog: 'pg_type',
    acl: 'typacl',
    owner: 'typowner',
    type: `'T'`,
    granted: `'TYPE ' || format_type(o.oid, null)`,
    condition: 'true',
  },
  {
    catalog: 'pg_proc',
    acl: 'proacl',
    owner: 'proowner',
    type: `'f'`,
    granted: `case when to_jsonb(o) ->> 'prokind' = 'p' then 'PROCEDURE ' else 'FUNCTION ' end || o.pronamespace::regnamespace::text
              || '.' || quote_ident(o.proname) || '(' || pg_get_function_identity_arguments(o.oid) || ')'`,
    condition: 'true',
  },
  {
    catalog: 'pg_class',
    acl: 'relacl',
    owner: 'relowner',
    type: `case o.relkind when 'S' then 's' else 'r' end`,
    granted: `case o.relkind when 'S' then 'SEQUENCE ' else 'TABLE ' end || o.oid::regclass::text`,
    condition: `o.relkind in ('r', 'p', 'v', 'm', 'S')`,
  },
];

/** Reads the rights on members of extensions that are others than the extension gives when it is made. Rights on single columns are not read. */
export async function readMemberRights(reader: CatalogReader): Promise<MemberRightsObject[]> {
  const objects: MemberRightsObject[] = [];
  for (const members of MEMBERS) objects.push(...(await readMembers(reader, members)));
  return objects;
}

async function readMembers(
  reader: CatalogReader,
  { catalog, acl, owner, type, granted, condition }: Members,
): Promise<MemberRightsObject[]> {
  const where = `${condition} and exists (
    select from pg_depend as d where d.classid = '${catalog}'::regclass and d.objid = o.oid and d.deptype = 'e')`;
  const initial = `(select i.initprivs from pg_init_privs as i
    where i.classoid = '${catalog}'::regclass and i.objoid = o.oid and i.objsubid = 0)`;
  const privileges = await reader.privileges(catalog, {
    acl,
    owner,
    type,
    where,
    usual: `coalesce(${initial}, acldefault((${type})::"char", o.${owner}))`,
  });
  const rows = await reader.rows<Row & { oid: number; extension: string; granted: string }>(
    `select o.oid, e.extname::text as extension, ${granted} as granted
       from ${catalog} as o
       join pg_depend as d on d.classid = '${catalog}'::regclass and d.objid = o.oid and d.deptype = 'e'
       join pg_extension as e on e.oid = d.refobjid
      where o.${acl} is not null and ${condition} and e.extname not in ${OUR_EXTENSIONS}`,
  );
  return rows.flatMap((row) => {
    const changed = privileges.get(row.oid) ?? [];
    if (changed.length === 0) return [];
    return {
      kind: 'member rights',
      key: `rights on ${row.granted}`,
      // Not that of the member: what needs the member needs the extension.
      address: `member rights:${catalog}:${row.oid}`,
      owner: null,
      comment: null,
      privileges: changed,
      extension: row.extension,
      granted: row.granted,
    };
  });
}
