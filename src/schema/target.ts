import type { Connection, Row } from '../db/connection.js';

/** What the database in which objects are to be made can have. */
export interface Target {
  /** As `server_version_num`. */
  readonly version: number;
  readonly isSuperuser: boolean;
  readonly roles: ReadonlySet<string>;
  /** Those to which our role can give its objects. */
  readonly ownerRoles: ReadonlySet<string>;
  readonly tablespaces: ReadonlySet<string>;
}

export async function readTarget(connection: Connection): Promise<Target> {
  // Since PostgreSQL 16 a member may be kept from giving away what is its own.
  const right = connection.serverVersion >= 160_000 ? 'SET' : 'MEMBER';
  const roles = await connection.query<Row & { name: string; ours: boolean; superuser: boolean }>(
    `select r.rolname::text as name, pg_has_role(r.oid, '${right}') as ours,
            (select u.rolsuper from pg_roles as u where u.rolname = current_user) as superuser
       from pg_roles as r`,
  );
  const tablespaces = await connection.query<Row & { name: string }>(
    'select spcname::text as name from pg_tablespace',
  );
  return {
    version: connection.serverVersion,
    isSuperuser: roles[0]?.superuser ?? false,
    roles: new Set(roles.map(({ name }) => name)),
    ownerRoles: new Set(roles.filter(({ ours }) => ours).map(({ name }) => name)),
    tablespaces: new Set(tablespaces.map(({ name }) => name)),
  };
}
