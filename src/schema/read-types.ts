import type { Row } from '../db/connection.js';
import type { QualifiedName } from '../db/identifier.js';
import { type CatalogReader, isUsers } from './catalog-reader.js';
import type { DatabaseObject, ObjectBase, Privilege } from './database-object.js';

interface NamedRow extends Row {
  readonly oid: number;
  readonly schema: string;
  readonly name: string;
  readonly owner: string;
}

const NAMED = `o.oid, n.nspname::text as schema, o.typname::text as name, pg_get_userbyid(o.typowner)::text as owner`;

/** Reads types, domains and collations. */
export async function readTypes(reader: CatalogReader): Promise<DatabaseObject[]> {
  const privileges = await reader.privileges('pg_type', {
    acl: 'typacl',
    owner: 'typowner',
    type: `'T'`,
  });
  return [
    ...(await readEnums(reader, privileges)),
    ...(await readComposites(reader, privileges)),
    ...(await readRanges(reader, privileges)),
    ...(await readDomains(reader, privileges)),
    ...(await readDomainConstraints(reader)),
    ...(await readCollations(reader)),
  ];
}

type Privileges = ReadonlyMap<number, readonly Privilege[]>;

function named(
  reader: CatalogReader,
  kind: string,
  catalog: string,
  row: NamedRow,
  privileges?: Privileges,
): ObjectBase & { readonly name: QualifiedName } {
  return {
    key: `${kind} ${row.schema}.${row.name}`,
    address: `${catalog}:${row.oid}`,
    name: { schema: row.schema, name: row.name },
    owner: row.owner,
    comment: reader.comment(catalog, row.oid),
    privileges: privileges?.get(row.oid) ?? [],
  };
}

async function readEnums(reader: CatalogReader, privileges: Privileges): Promise<DatabaseObject[]> {
  const rows = await reader.rows<NamedRow & { labels: string[] }>(
    `select ${NAMED},
            coalesce((select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum as e where e.enumtypid = o.oid), '{}') as labels
       from pg_type as o join pg_namespace as n on n.oid = o.typnamespace
      where o.typtype = 'e' and ${isUsers('pg_type')}`,
  );
  return rows.map((row) => ({
    ...named(reader, 'type', 'pg_type', row, privileges),
    kind: 'enum',
    labels: row.labels,
  }));
}

async function readComposites(reader: CatalogReader, privileges: Privileges): Promise<DatabaseObject[]> {
  const rows = await reader.rows<NamedRow & { relation: number }>(
    `select ${NAMED}, c.oid as relation
       from pg_type as o
       join pg_namespace as n on n.oid = o.typnamespace
       join pg_class as c on c.oid = o.typrelid and c.relkind = 'c'
      where o.typtype = 'c' and ${isUsers('pg_type')}`,
  );
  const columns = await reader.rows<
    Row & {
      relation: number;
      position: number;
      name: string;
      type: string;
      collation: string | null;
    }
  >(
    `select a.attrelid as relation, a.attnum::int4 as position, a.attname::text as name, format_type(a.atttypid, a.atttypmod) as type,
            (select quote_ident(cn.nspname) || '.' || quote_ident(l.collname)
               from pg_collation as l join pg_namespace as cn on cn.oid = l.collnamespace
              where l.oid = a.attcollation and l.oid <> t.typcollation) as collation
       from pg_attribute as a
       join pg_class as c on c.oid = a.attrelid and c.relkind = 'c'
       join pg_type as t on t.oid = a.atttypid
      where a.attnum > 0 and not a.attisdropped and c.oid >= 16384
      order by a.attrelid, a.attnum`,
  );
  return rows.map((row) => ({
    ...named(reader, 'type', 'pg_type', row, privileges),
    kind: 'composite',
    columns: columns
      .filter(({ relation }) => relation === row.relation)
      .map(({ relation, position, name, type, collation }) => ({
        name,
        type,
        collation,
        comment: reader.comment('pg_class', relation, position),
      })),
  }));
}

async function readRanges(reader: CatalogReader, privileges: Privileges): Promise<DatabaseObject[]> {
  const rows = await reader.rows<
    NamedRow & {
      subtype: string;
      opclass: string;
      opclass_default: boolean;
      collation: string | null;
      canonical: string | null;
      subdiff: string | null;
      multirange: string | null;
    }
  >(
    `select ${NAMED}, format_type(r.rngsubtype, null) as subtype, quote_ident(cn.nspname) || '.' || quote_ident(c.opcname) as opclass,
            c.opcdefault as opclass_default,
            (select quote_ident(ln.nspname) || '.' || quote_ident(l.collname)
               from pg_collation as l join pg_namespace as ln on ln.oid = l.collnamespace
              where l.oid = r.rngcollation and l.oid <> s.typcollation) as collation,
            case when r.rngcanonical <> 0 then r.rngcanonical::text end as canonical,
            case when r.rngsubdiff <> 0 then r.rngsubdiff::text end as subdiff,
            (select m.typname::text from pg_type as m where m.oid = (to_jsonb(r) ->> 'rngmultitypid')::oid) as multirange
       from pg_type as o
       join pg_namespace as n on n.oid = o.typnamespace
       join pg_range as r on r.rngtypid = o.oid
       join pg_type as s on s.oid = r.rngsubtype
       join pg_opclass as c on c.oid = r.rngsubopc
       join pg_namespace as cn on cn.oid = c.opcnamespace
      where o.typtype = 'r' and ${isUsers('pg_type')}`,
  );
  return rows.map((row) => ({
    ...named(reader, 'type', 'pg_type', row, privileges),
    kind: 'range',
    settings: [
      `subtype = ${row.subtype}`,
      ...(row.opclass_default ? [] : [`subtype_opclass = ${row.opclass}`]),
      ...(row.collation === null ? [] : [`collation = ${row.collation}`]),
      ...(row.canonical === null ? [] : [`canonical = ${row.canonical}`]),
      ...(row.subdiff === null ? [] : [`subtype_diff = ${row.subdiff}`]),
    ],
    multirange: row.multirange,
  }));
}

async function readDomains(reader: CatalogReader, privileges: Privileges): Promise<DatabaseObject[]> {
  const rows = await reader.rows<
    NamedRow & { type: string; collation: string | null; default: string | null; not_null: boolean }
  >(
    `select ${NAMED}, format_type(o.typbasetype, o.typtypmod) as type,
            (select quote_ident(ln.nspname) || '.' || quote_ident(l.collname)
               from pg_collation as l join pg_namespace as ln on ln.oid = l.collnamespace
              where l.oid = o.typcollation and l.oid <> b.typcollation) as collation,
            coalesce(pg_get_expr(o.typdefaultbin, 0), quote_literal(o.typdefault)) as default, o.typnotnull as not_null
       from pg_type as o
       join pg_namespace as n on n.oid = o.typnamespace
       join pg_type as b on b.oid = o.typbasetype
      where o.typtype = 'd' and ${isUsers('pg_type')}`,
  );
  return rows.map((row) => ({
    ...named(reader, 'type', 'pg_type', row, privileges),
    kind: 'domain',
    type: row.type,
    collation: row.collation,
    default: row.default,
    notNull: row.not_null,
  }));
}

async function readDomainConstraints(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<NamedRow & { constraint: string; definition: string }>(
    `select k.oid, n.nspname::text as schema, o.typname::text as name, ''::text as owner, k.conname::text as constraint,
            pg_get_constraintdef(k.oid) as definition
       from pg_constraint as k
       join pg_type as o on o.oid = k.contypid
       join pg_namespace as n on n.oid = o.typnamespace
      where k.contype = 'c' and ${isUsers('pg_type')}`,
  );
  return rows.map((row) => ({
    ...named(reader, 'constraint', 'pg_constraint', row),
    key: `domain constraint ${row.schema}.${row.name} ${row.constraint}`,
    owner: null,
    kind: 'domain constraint',
    domain: { schema: row.schema, name: row.name },
    name: row.constraint,
    definition: row.definition,
  }));
}

interface CollationRow extends NamedRow {
  readonly provider: string;
  readonly collate: string | null;
  readonly ctype: string | null;
  readonly locale: string | null;
  readonly rules: string | null;
  readonly deterministic: boolean;
}

async function readCollations(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<CollationRow>(
    // Where the locale of ICU stands has changed twice.
    `select o.oid, n.nspname::text as schema, o.collname::text as name, pg_get_userbyid(o.collowner)::text as owner,
            o.collprovider::text as provider, o.collcollate::text as collate, o.collctype::text as ctype,
            coalesce(to_jsonb(o) ->> 'colllocale', to_jsonb(o) ->> 'colliculocale') as locale, to_jsonb(o) ->> 'collicurules' as rules,
            coalesce((to_jsonb(o) ->> 'collisdeterministic')::boolean, true) as deterministic
       from pg_collation as o
       join pg_namespace as n on n.oid = o.collnamespace
      where ${isUsers('pg_collation')}`,
  );
  return rows.map((row) => ({
    ...named(reader, 'collation', 'pg_collation', row),
    kind: 'collation',
    settings: collationSettings(row),
  }));
}

const PROVIDERS: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin' };

function collationSettings(row: CollationRow): string[] {
  const literal = (text: string | null): string => `'${(text ?? '').replaceAll("'", "''")}'`;
  const settings = [`provider = ${PROVIDERS[row.provider] ?? 'libc'}`];
  if (!row.deterministic) settings.push('deterministic = false');
  const locale = row.locale ?? (row.collate === row.ctype ? row.collate : null);
  if (locale !== null) settings.push(`locale = ${literal(locale)}`);
  else settings.push(`lc_collate = ${literal(row.collate)}`, `lc_ctype = ${literal(row.ctype)}`);
  if (row.rules !== null) settings.push(`rules = ${literal(row.rules)}`);
  return settings;
}
