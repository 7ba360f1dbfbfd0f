import { quoteIdentifier } from '../db/identifier.js';
import type { Attribute, ValueType } from './value-type.js';

/** Something that there is once for each side of a comparison. */
export interface Sides<T> {
  readonly provider: T;
  readonly subscriber: T;
}

/**
 * The SQL expressions whose results are compared instead of two columns: of one type on both sides, equal exactly when
 * the values are the same as replication sees them, on every version and in every session.
 *
 * Text is the base. It does not do where its form depends on the version (floats, and what is made of them: exact
 * bits then, with one NaN) or on the locale (money). Types with a binary form that has never changed are taken as
 * they are, which is cheaper. -0 is not 0, and 1.0 is not 1.00. Where the two columns have different types the
 * values are compared as the wider of both, else as their output text.
 */
export function canonicalValues(types: Sides<ValueType>, values: Sides<string>): Sides<string> {
  const { provider, subscriber } = types;
  if (provider.kind === 'composite' && subscriber.kind === 'composite') {
    if (provider.attributes.length === subscriber.attributes.length) {
      return canonicalComposite(provider.attributes, subscriber.attributes, values);
    }
    return each(values, castTo('text'));
  }
  if (provider.kind === 'scalar' && subscriber.kind === 'scalar') {
    return canonicalScalars({ provider: provider.oid, subscriber: subscriber.oid }, values);
  }
  if ('element' in provider && 'element' in subscriber && provider.kind === subscriber.kind) {
    // Dear, so only where text would not do.
    if (!holdsFloats(provider) && !holdsFloats(subscriber)) return each(values, castTo('text'));
    const elements = { provider: provider.element, subscriber: subscriber.element };
    return provider.kind === 'range'
      ? canonicalRange(elements, values)
      : canonicalList(elements, provider.kind === 'array', values);
  }
  return each(values, outputText);
}

const OID = {
  bool: 16,
  bytea: 17,
  int8: 20,
  int2: 21,
  int4: 23,
  text: 25,
  json: 114,
  point: 600,
  lseg: 601,
  path: 602,
  box: 603,
  polygon: 604,
  line: 628,
  float4: 700,
  float8: 701,
  circle: 718,
  money: 790,
  bpchar: 1042,
  varchar: 1043,
  date: 1082,
  time: 1083,
  timestamp: 1114,
  timestamptz: 1184,
  interval: 1186,
  timetz: 1266,
  bit: 1560,
  varbit: 1562,
  numeric: 1700,
  uuid: 2950,
  jsonb: 3802,
} as const;

const INTEGERS: ReadonlySet<number> = new Set([OID.int2, OID.int4, OID.int8]);
const NUMBERS: ReadonlySet<number> = new Set([...INTEGERS, OID.numeric]);
const FLOATS: ReadonlySet<number> = new Set([OID.float4, OID.float8]);
const TEXTS: ReadonlySet<number> = new Set([OID.text, OID.varchar]);
const MOMENTS: ReadonlySet<number> = new Set([OID.date, OID.timestamp, OID.timestamptz]);
const JSONS: ReadonlySet<number> = new Set([OID.json, OID.jsonb]);
const GEOMETRIES: ReadonlySet<number> = new Set([
  OID.point,
  OID.lseg,
  OID.path,
  OID.box,
  OID.polygon,
  OID.line,
  OID.circle,
]);
/** Their binary form is the same from 10 to 18 and says all that their text says. */
const TAKEN_AS_THEY_ARE: ReadonlySet<number> = new Set([
  ...GEOMETRIES,
  OID.bool,
  OID.bytea,
  OID.date,
  OID.time,
  OID.timestamp,
  OID.timestamptz,
  OID.interval,
  OID.timetz,
  OID.bit,
  OID.varbit,
  OID.numeric,
  OID.uuid,
]);

/** True for a type that can be a range of integers, for chunks by key. */
export function isInteger(type: ValueType): boolean {
  return type.kind === 'scalar' && INTEGERS.has(type.oid);
}

function holdsFloats(type: ValueType): boolean {
  switch (type.kind) {
    case 'scalar':
      return FLOATS.has(type.oid) || GEOMETRIES.has(type.oid);
    case 'composite':
      return type.attributes.some((attribute) => holdsFloats(attribute.type));
    default:
      return holdsFloats(type.element);
  }
}

function canonicalScalars(oids: Sides<number>, values: Sides<string>): Sides<string> {
  const both = (set: ReadonlySet<number>) => set.has(oids.provider) && set.has(oids.subscriber);
  const same = oids.provider === oids.subscriber;
  if (both(INTEGERS)) return each(values, castTo('int8'));
  if (both(FLOATS)) return each(values, oneNaN);
  if (both(TEXTS)) return each(values, castTo('text'));
  if (same && oids.provider === OID.money) return each(values, castTo('numeric'));
  if (same && TAKEN_AS_THEY_ARE.has(oids.provider)) return each(values, asIs(oids.provider));
  if (same) return each(values, castTo('text'));
  if (both(NUMBERS)) return each(values, numberWithoutScale);
  if (both(MOMENTS)) return each(values, castTo('timestamptz'));
  if (both(JSONS)) return each(values, (value) => `${value}::jsonb::text`);
  return each(values, outputText);
}

/** A cast to its own type turns a domain into its base type, which is what the row's binary form names. */
function asIs(oid: number): (value: string) => string {
  const name = Object.entries(OID).find(([, candidate]) => candidate === oid)?.[0] ?? 'text';
  // "bit" alone would be bit(1).
  return name === 'bit' ? castTo('varbit') : castTo(name);
}

function each(values: Sides<string>, render: (value: string) => string): Sides<string> {
  return { provider: render(values.provider), subscriber: render(values.subscriber) };
}

function castTo(type: string): (value: string) => string {
  return (value) => `${value}::${type}`;
}

/** NaN has many bit patterns, which text and PostgreSQL's equality do not tell apart. */
function oneNaN(value: string): string {
  return `case when ${value}::float8 = 'NaN' then 'NaN'::float8 else ${value}::float8 end`;
}

/** 5 and 5.00 are the same where one side has no scale. */
function numberWithoutScale(value: string): string {
  const text = `${value}::numeric::text`;
  return `case when strpos(${text}, '.') > 0 then rtrim(rtrim(${text}, '0'), '.') else ${text} end`;
}

/** The text of the type's output function, which is what an event holds; a cast to text is another for some types. */
export function outputText(value: string): string {
  return `case when ${value} is distinct from null then format('%s', ${value}) end`;
}

function canonicalComposite(
  provider: readonly Attribute[],
  subscriber: readonly Attribute[],
  values: Sides<string>,
): Sides<string> {
  const fields = provider.map((attribute, index) => {
    const other = subscriber[index] as Attribute;
    return canonicalValues(
      { provider: attribute.type, subscriber: other.type },
      { provider: field(values.provider, attribute), subscriber: field(values.subscriber, other) },
    );
  });
  // "is null" would also be true for a row of nulls.
  const render = (value: string, parts: readonly string[]) =>
    `case when ${value} is distinct from null then ${rowBytes(parts)} end`;
  return {
    provider: render(
      values.provider,
      fields.map((pair) => pair.provider),
    ),
    subscriber: render(
      values.subscriber,
      fields.map((pair) => pair.subscriber),
    ),
  };
}

function field(value: string, attribute: Attribute): string {
  return `(${value}).${quoteIdentifier(attribute.name)}`;
}

function canonicalRange(elements: Sides<ValueType>, values: Sides<string>): Sides<string> {
  const lower = canonicalValues(
    elements,
    each(values, (value) => `lower(${value})`),
  );
  const upper = canonicalValues(
    elements,
    each(values, (value) => `upper(${value})`),
  );
  const render = (value: string, low: string, high: string) =>
    `case when ${value} is not null then ${rowBytes([
      `isempty(${value})`,
      `lower_inc(${value})`,
      `upper_inc(${value})`,
      `lower_inf(${value})`,
      `upper_inf(${value})`,
      low,
      high,
    ])} end`;
  return {
    provider: render(values.provider, lower.provider, upper.provider),
    subscriber: render(values.subscriber, lower.subscriber, upper.subscriber),
  };
}

/**
 * Arrays and multiranges: bounds and elements. Their own binary form also says things that no value holds, such as
 * whether an array ever had a null.
 */
function canonicalList(elements: Sides<ValueType>, hasBounds: boolean, values: Sides<string>): Sides<string> {
  // A list inside a list may use the same names: what is unnested cannot see the name it is given.
  const parts = canonicalValues(elements, { provider: 'n.e', subscriber: 'n.e' });
  const render = (value: string, part: string) =>
    `case when ${value} is not null then ${hasBounds ? `coalesce(array_dims(${value}), '')` : "''"} || (
       select coalesce(string_agg(encode(${rowBytes([part])}, 'hex'), ',' order by n.position), '')
         from (select u.e, row_number() over () as position from (select unnest(${value}) as e) as u) as n
     ) end`;
  return {
    provider: render(values.provider, parts.provider),
    subscriber: render(values.subscriber, parts.subscriber),
  };
}

/** The bytes of several canonical values: each with its length, null apart from empty, text in UTF-8. */
export function rowBytes(values: readonly string[]): string {
  return `record_send(row(${values.join(', ')}))`;
}
