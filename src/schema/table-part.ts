import type { Row } from '../db/connection.js';
import type { QualifiedName } from '../db/identifier.js';
import type { CatalogReader } from './catalog-reader.js';
import type { PartBase } from './database-object.js';

/** What every query of parts says of the part's table. */
export interface PartRow extends Row {
  readonly oid: number;
  readonly schema: string;
  readonly relation: string;
  readonly columns: string[] | null;
}

export const TABLE = `n.nspname::text as schema, o.relname::text as relation`;
/** The table's name as the server's functions that make definitions write it. */
export const WRITTEN = `quote_ident(n.nspname) || '.' || quote_ident(o.relname)`;

/** Names of the columns that a part of the table needs, by pg_depend. */
export function columnsOf(catalog: string, oid: string): string {
  return `(select array_agg(a.attname::text order by a.attnum) from pg_attribute as a
    where a.attrelid = o.oid and a.attnum in (
      select d.refobjsubid from pg_depend as d
       where d.classid = '${catalog}'::regclass and d.objid = ${oid} and d.refclassid = 'pg_class'::regclass
         and d.refobjid = o.oid and d.refobjsubid > 0)) as columns`;
}

/** What all parts have. */
export function part(
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

export function tableOf({ schema, relation }: PartRow): QualifiedName {
  return { schema, name: relation };
}
