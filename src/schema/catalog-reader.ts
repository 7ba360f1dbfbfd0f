import type { Connection, Row } from '../db/connection.js';
import type { Privilege } from './database-object.js';

/** Schemas of ours, of the stock packages and of the server: nothing in them is a user's. */
const NOT_A_USERS_SCHEMA = `(n.nspname in ('pgq', 'pgq_node', 'pgq_ext', 'pgq_coop', 'londiste', 'pgcascade', 'information_schema')
  or n.nspname like 'pg\\_%')`;

/** True for rows of a catalog (alias `o`, its namespace `n`) that are a user's own: not ours, not the server's, not an extension's. */
export function isUsers(catalog: string): string {
  return `not ${NOT_A_USERS_SCHEMA} and ${isOwn(catalog)}`;
}

/** The same for catalogs without a namespace. 16384 is the first oid that the server gives out after initdb. */
export function isOwn(catalog: string): string {
  return `o.oid >= 16384 and not exists (
    select from pg_depend as d where d.classid = '${catalog}'::regclass and d.objid = o.oid and d.deptype = 'e')`;
}

/** Reads one database's catalogs: what all the readers share. */
export class CatalogReader {
  readonly connection: Connection;
  readonly version: number;
  /** Oids of the tables to read; null: all. */
  readonly relations: readonly number[] | null;
  readonly #comments = new Map<string, string>();

  /** Use `openCatalogReader`. */
  constructor(connection: Connection, relations: readonly number[] | null) {
    this.connection = connection;
    this.version = connection.serverVersion;
    this.relations = relations;
  }

  rows<R extends Row>(sql: string): Promise<R[]> {
    return this.connection.query<R>(sql);
  }

  /** The condition that a relation (an expression that is its oid) is to be read. */
  wanted(oid: string): string {
    return this.relations === null ? 'true' : `${oid} = any (array[${this.relations.join(', ')}]::oid[])`;
  }

  comment(catalog: string, oid: number, position = 0): string | null {
    return this.#comments.get(`${catalog}:${oid}:${position}`) ?? null;
  }

  async readComments(): Promise<void> {
    const rows = await this.rows<{ at: string; text: string }>(
      `select d.classoid::regclass::text || ':' || d.objoid::text || ':' || d.objsubid::text as at, d.description as text
         from pg_description as d
        where d.objoid >= 16384 or d.classoid = 'pg_namespace'::regclass`,
    );
    for (const { at, text } of rows) this.#comments.set(at, text);
  }

  /**
   * Reads how the rights on the objects of one catalog differ from those of a new object of the same owner. `type`
   * is an expression for the letter that acldefault() takes.
   */
  async privileges(catalog: string, columns: PrivilegeColumns): Promise<Map<number, Privilege[]>> {
    const { acl, owner, type } = columns;
    const rows = await this.rows<PrivilegeRow>(
      `with object as (
         select o.oid, o.${acl} as acl, ${columns.usual ?? `acldefault((${type})::"char", o.${owner})`} as usual
           from ${catalog} as o
          where o.${acl} is not null and ${columns.where ?? 'true'}
       ), held as (
         select o.oid, x.grantor, x.grantee, x.privilege_type, x.is_grantable from object as o, aclexplode(o.acl) as x
       ), usual as (
         select o.oid, x.grantor, x.grantee, x.privilege_type, x.is_grantable from object as o, aclexplode(o.usual) as x
       ), different as (
         select 'grant' as action, g.* from (select * from held except select * from usual) as g
         union all
         select 'revoke', r.* from (select * from usual except select * from held) as r
       )
       select d.oid, d.action, ${roleName('d.grantor')} as grantor, ${roleName('d.grantee')} as grantee, d.is_grantable,
              array_agg(d.privilege_type::text order by d.privilege_type) as privileges
         from different as d
        group by d.oid, d.action, d.grantor, d.grantee, d.is_grantable
        order by d.oid, d.action desc, grantee, d.is_grantable`,
    );
    const found = new Map<number, Privilege[]>();
    for (const row of rows) {
      found.set(row.oid, [...(found.get(row.oid) ?? []), ...privilegesOf(row)]);
    }
    return found;
  }
}

export interface PrivilegeColumns {
  readonly acl: string;
  readonly owner: string;
  readonly type: string;
  readonly where?: string;
  /** The rights to compare with, in place of those of a new object. */
  readonly usual?: string;
}

interface PrivilegeRow extends Row {
  readonly oid: number;
  readonly action: 'grant' | 'revoke';
  readonly grantor: string;
  readonly grantee: string;
  readonly is_grantable: boolean;
  readonly privileges: string[];
}

export function roleName(oid: string): string {
  return `case when ${oid} = 0 then 'PUBLIC' else pg_get_userbyid(${oid})::text end`;
}

function privilegesOf(row: PrivilegeRow): Privilege[] {
  const common = {
    action: row.action,
    grantor: row.grantor,
    grantee: row.grantee,
    grantable: row.is_grantable,
  };
  return row.privileges.map((privilege) => ({ ...common, privilege }));
}

export async function openCatalogReader(
  connection: Connection,
  relations: readonly number[] | null,
): Promise<CatalogReader> {
  const reader = new CatalogReader(connection, relations);
  await reader.readComments();
  return reader;
}
