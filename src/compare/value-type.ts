import type { Connection } from '../db/connection.js';
import type { ValueKind } from '../handlers/row-selection.js';

/** What a comparison has to know of a type. Domains are their base type: they restrict values and do not change them. */
export type ValueType =
  | { readonly kind: 'scalar'; readonly oid: number }
  | { readonly kind: 'array' | 'range' | 'multirange'; readonly element: ValueType }
  | { readonly kind: 'composite'; readonly attributes: readonly Attribute[] };

export interface Attribute {
  readonly name: string;
  readonly type: ValueType;
}

const OIDS_OF_KIND: Readonly<Record<ValueKind, readonly number[]>> = {
  // bigint, smallint, integer
  integer: [20, 21, 23],
  uuid: [2950],
  text: [25],
};

/** How a handler that makes values sees the type. */
export function kindOfValue(type: ValueType): ValueKind {
  const has = (kind: ValueKind) => type.kind === 'scalar' && OIDS_OF_KIND[kind].includes(type.oid);
  if (has('integer')) return 'integer';
  return has('uuid') ? 'uuid' : 'text';
}

/** The type of a value that a handler has made. */
export function typeOfKind(kind: ValueKind): ValueType {
  return { kind: 'scalar', oid: OIDS_OF_KIND[kind][0] as number };
}

interface TypeRow extends Record<string, unknown> {
  readonly oid: number;
  readonly kind: 'scalar' | 'domain' | 'array' | 'range' | 'multirange' | 'composite';
  /** Base type of a domain, element of an array, subtype of a range, range of a multirange. */
  readonly inner_type: number;
  readonly attribute_names: readonly string[];
  readonly attribute_types: readonly number[];
}

/**
 * Reads the types of the given oids with all that they are made of, level by level. An oid that is not there is left
 * out of the result.
 */
export async function readValueTypes(
  connection: Connection,
  oids: Iterable<number>,
): Promise<Map<number, ValueType>> {
  const rows = new Map<number, TypeRow>();
  let wanted = [...new Set(oids)];
  while (wanted.length > 0) {
    const level = await connection.query<TypeRow>(typeSql(connection.serverVersion), [wanted]);
    for (const row of level) rows.set(row.oid, row);
    const next = level.flatMap((row) => (row.inner_type === 0 ? row.attribute_types : [row.inner_type]));
    wanted = [...new Set(next)].filter((oid) => !rows.has(oid));
  }
  return new Map([...rows.keys()].map((oid) => [oid, toValueType(oid, rows)]));
}

function toValueType(oid: number, rows: ReadonlyMap<number, TypeRow>): ValueType {
  const row = rows.get(oid);
  switch (row?.kind) {
    case 'domain':
      return toValueType(row.inner_type, rows);
    case 'array':
    case 'range':
    case 'multirange':
      return { kind: row.kind, element: toValueType(row.inner_type, rows) };
    case 'composite':
      return {
        kind: 'composite',
        attributes: row.attribute_names.map((name, index) => ({
          name,
          type: toValueType(row.attribute_types[index] ?? 0, rows),
        })),
      };
    default:
      return { kind: 'scalar', oid };
  }
}

/** `typlen = -1` tells a real array from the fixed-length types that can be subscripted (point, name). */
function typeSql(serverVersion: number): string {
  const multirange = serverVersion >= 140_000;
  return `
    select t.oid as oid,
           case when t.typtype = 'd' then 'domain'
                when t.typtype = 'c' then 'composite'
                when t.typtype = 'r' then 'range'
                when t.typtype = 'm' then 'multirange'
                when t.typelem <> 0 and t.typlen = -1 and t.typcategory = 'A' then 'array'
                else 'scalar'
           end as kind,
           case when t.typtype = 'd' then t.typbasetype
                when t.typtype = 'r' then (select r.rngsubtype from pg_range as r where r.rngtypid = t.oid)
                ${multirange ? "when t.typtype = 'm' then (select r.rngtypid from pg_range as r where r.rngmultitypid = t.oid)" : ''}
                when t.typtype = 'b' and t.typelem <> 0 and t.typlen = -1 and t.typcategory = 'A' then t.typelem
                else 0
           end as inner_type,
           case when t.typtype = 'c' then array(
                select a.attname::text from pg_attribute as a
                 where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
                 order by a.attnum)
           else '{}' end as attribute_names,
           case when t.typtype = 'c' then array(
                select a.atttypid from pg_attribute as a
                 where a.attrelid = t.typrelid and a.attnum > 0 and not a.attisdropped
                 order by a.attnum)
           else '{}' end as attribute_types
      from pg_type as t
     where t.oid = any ($1::int8[]::oid[])`;
}
