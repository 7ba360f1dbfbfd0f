import type { Connection, Row } from '../db/connection.js';
import { roleName } from './catalog-reader.js';
import type { Privilege } from './database-object.js';

/** What the database in which objects are to be made can have. */
export interface Target {
  /** As `server_version_num`. */
  readonly version: number;
  /** Our role. */
  readonly role: string;
  readonly isSuperuser: boolean;
  readonly roles: ReadonlySet<string>;
  /** Those to which our role can give its objects, and whose objects it can go on working on. */
  readonly ownerRoles: ReadonlySet<string>;
  /** Those in which our role may make something. */
  readonly tablespaces: ReadonlySet<string>;
  /**
   * How the rights on a new object of our role differ from those without default privileges: by `TABLES in <schema>`, where
   * the schema has some of its own, else by `TABLES`.
   */
  readonly defaultRights: ReadonlyMap<string, readonly Privilege[]>;
  /** Whoever owns it in the source, what is made belongs to our role. */
  readonly keepsAll: boolean;
}

export interface TargetOptions {
  readonly keepsAll: boolean;
}

/** Reads what can be made here. Reads only. */
export async function readTarget(
  connection: Connection,
  { keepsAll }: TargetOptions = { keepsAll: false },
): Promise<Target> {
  // Since PostgreSQL 16 a member may be kept from giving away what is its own.
  const right = connection.serverVersion >= 160_000 ? 'SET' : 'MEMBER';
  const roles = await connection.query<
    Row & { name: string; ours: boolean; superuser: boolean; is_me: boolean }
  >(
    // Who does not inherit the rights of a role cannot do anything more to what he has given to it.
    `select r.rolname::text as name, pg_has_role(r.oid, '${right}') and pg_has_role(r.oid, 'USAGE') as ours,
            r.rolsuper as superuser, r.rolname = current_user as is_me
       from pg_roles as r`,
  );
  const me = roles.find(({ is_me }) => is_me);
  const tablespaces = await connection.query<Row & { name: string }>(
    `select t.spcname::text as name from pg_tablespace as t where has_tablespace_privilege(t.oid, 'CREATE')`,
  );
  return {
    version: connection.serverVersion,
    role: me?.name ?? '',
    isSuperuser: me?.superuser ?? false,
    roles: new Set(roles.map(({ name }) => name)),
    ownerRoles: new Set(roles.filter(({ ours }) => ours).map(({ name }) => name)),
    tablespaces: new Set(tablespaces.map(({ name }) => name)),
    defaultRights: await readDefaultRights(connection),
    keepsAll,
  };
}

interface DefaultRightRow extends Row {
  readonly objects: string;
  readonly schema: string | null;
  readonly action: 'grant' | 'revoke';
  readonly grantor: string;
  readonly grantee: string;
  readonly privilege: string;
  readonly grantable: boolean;
}

async function readDefaultRights(connection: Connection): Promise<Map<string, Privilege[]>> {
  const rows = await connection.query<DefaultRightRow>(
    // Default privileges of all schemas replace the rights of a new object, those of one schema are added.
    `with kind (type, letter, objects) as (
       values ('r', 'r', 'TABLES'), ('S', 's', 'SEQUENCES'), ('f', 'f', 'FUNCTIONS'), ('T', 'T', 'TYPES'), ('n', 'n', 'SCHEMAS')
     ), declared as (
       select d.defaclobjtype::text as type, d.defaclnamespace as schema, d.defaclacl as acl, d.defaclrole as role
         from pg_default_acl as d
         join pg_roles as r on r.oid = d.defaclrole
        where r.rolname = current_user
     ), place as (
       select k.objects, d.schema, acldefault(k.letter::"char", d.role) as usual,
              coalesce(e.acl, acldefault(k.letter::"char", d.role)) as everywhere, case when d.schema <> 0 then d.acl end as here
         from declared as d
         join kind as k on k.type = d.type
         left join declared as e on e.type = d.type and e.schema = 0
     ), held as (
       select p.objects, p.schema, x.* from place as p, aclexplode(p.everywhere) as x
       union
       select p.objects, p.schema, x.* from place as p, aclexplode(p.here) as x
     ), usual as (
       select p.objects, p.schema, x.* from place as p, aclexplode(p.usual) as x
     ), different as (
       select 'grant' as action, g.* from (select * from held except select * from usual) as g
       union all
       select 'revoke', r.* from (select * from usual except select * from held) as r
     )
     select p.objects, n.nspname::text as schema, d.action, ${roleName('d.grantor')} as grantor, ${roleName('d.grantee')} as grantee,
            d.privilege_type::text as privilege, d.is_grantable as grantable
       from place as p
       left join pg_namespace as n on n.oid = p.schema
       left join different as d on d.objects = p.objects and d.schema = p.schema
      order by 1, 2, 3, 5, 6`,
  );
  const found = new Map<string, Privilege[]>();
  for (const { objects, schema, ...privilege } of rows) {
    const key = defaultRightsKey(objects, schema);
    const list = found.get(key) ?? [];
    // A schema can have some that come to nothing.
    if (privilege.action !== null) list.push(privilege);
    found.set(key, list);
  }
  return found;
}

export function defaultRightsKey(objects: string, schema: string | null): string {
  return schema === null ? objects : `${objects} in ${schema}`;
}
