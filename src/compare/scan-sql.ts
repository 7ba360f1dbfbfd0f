import { quoteName } from '../db/identifier.js';
import { isWholeTable, selectedSql } from '../handlers/row-selection.js';
import { HASH_INTERVAL, type Interval } from './buckets.js';
import { outputText, rowBytes } from './canonical-value.js';
import { regionSql } from './key-regions.js';
import type { SidePlan, TablePlan } from './table-plan.js';
import { kindOfValue } from './value-type.js';

/** How the rows of a table get their position: see buckets.ts. */
export type Position = 'integer key' | 'key region' | 'hash of key' | 'hash of row';

export function positionOf(plan: TablePlan): Position {
  if (plan.hasIntegerKey) return 'integer key';
  if (plan.sides.provider.bounds.length > 0) return 'key region';
  return plan.keyColumns.length > 0 ? 'hash of key' : 'hash of row';
}

/** Part of one scan of a table: an SQL condition that is true for each row in exactly one piece; undefined for all rows. */
export type Piece = string | undefined;

/** One row per bucket: bucket, rows, high, low. With an interval only of the rows in it. */
export function bucketSql(
  side: SidePlan,
  position: Position,
  shift: number,
  where: { readonly piece?: Piece; readonly interval?: Interval },
): string {
  const { piece, interval } = where;
  const intervals = interval === undefined ? [] : [interval];
  const pieces = [piece, ...intervalPiece(side, position, intervals)];
  return `
    select r.position >> ${shift} as bucket, count(*) as rows,
           sum(('x' || left(r.row_hash, 16))::bit(64)::int8)::text as high,
           sum(('x' || right(r.row_hash, 16))::bit(64)::int8)::text as low
      from (${positionedRows(side, position, [], pieces)}) as r${within(intervals)}
     group by 1`;
}

export function countSql(side: SidePlan, piece: Piece): string {
  return `select count(*) as rows from ${source(side)}${conditions([...side.filters, ...side.keyFilters, piece])}`;
}

/**
 * The rows of some intervals: id (tells rows of one key), row_hash, key (texts of its columns), rows (how many
 * are alike). At most `limit` of them, lowest positions first.
 */
export function rowsSql(
  side: SidePlan,
  position: Position,
  intervals: readonly Interval[],
  limit: number,
): string {
  const keyTexts = side.keyReferences.map(outputText);
  const extra = [
    `${keyTexts.length === 0 ? 'null::text[]' : `array[${keyTexts.join(', ')}]`} as key`,
    `${keyTexts.length === 0 ? 'null::text' : `md5(${rowBytes(side.keyValues)})`} as id`,
  ];
  return `
    select coalesce(r.id, r.row_hash) as id, r.row_hash, r.key, count(*) as rows
      from (${positionedRows(side, position, extra, intervalPiece(side, position, intervals))}) as r${within(intervals)}
     group by r.position, r.id, r.row_hash, r.key
     order by r.position
     limit ${limit}`;
}

/** As `rowsSql`, of the rows with some keys, wherever they are: $1, $2, … are the texts of the key's columns. */
export function rowsOfKeysSql(side: SidePlan): string {
  const names = side.keyTypes.map((_, i) => `k${i}`);
  const isSame = side.keyReferences.map((key, i) => `${key} = (n.k${i})::${side.keyTypes[i]}`);
  return `
    select md5(${rowBytes(side.keyValues)}) as id, md5(${rowBytes(side.values)}) as row_hash,
           array[${side.keyReferences.map(outputText).join(', ')}] as key, 1::int8 as rows
      from unnest(${names.map((_, i) => `$${i + 1}::text[]`).join(', ')}) as n(${names.join(', ')})
      join ${source(side)} on ${isSame.join(' and ')}${conditions(side.filters)}`;
}

/**
 * Keys at which the table falls into so many regions of about the same size, in their order, from a part of its pages:
 * arrays of texts.
 */
export function boundsSql(side: SidePlan, regions: number, percent: number): string {
  const { shape, keyReferences } = side;
  const table = `${shape.isPartitioned ? '' : 'only '}${quoteName(shape.destTable)}`;
  return `
    select k.key
      from (select array[${keyReferences.map(outputText).join(', ')}] as key,
                   row_number() over (order by ${keyReferences.join(', ')}) as number, count(*) over () as keys
              from ${table} as t tablesample system (${percent})) as k
     where k.number > 1 and (k.number - 1) * ${regions} / k.keys <> (k.number - 2) * ${regions} / k.keys
     order by k.number`;
}

/** The lowest and highest integer key; an index gives them. */
export function keyBoundsSql(side: SidePlan): string {
  const [key] = side.keyReferences;
  return `select min(${key})::int8 as low, max(${key})::int8 as high from ${source(side)}`;
}

function positionedRows(
  side: SidePlan,
  position: Position,
  extra: readonly string[],
  where: readonly Piece[],
): string {
  const rowHash = `md5(${rowBytes(side.values)})`;
  const columns = [`${rowHash} as row_hash`, `${rawPosition(side, position)} as raw_position`, ...extra];
  const names = ['h.row_hash', `${positionExpression(position)} as position`];
  if (extra.length > 0) names.push('h.key', 'h.id');
  // "offset 0" keeps the server from computing an md5 once for each place where it is used.
  return `select ${names.join(', ')}
            from (select ${columns.join(', ')} from ${source(side)}${conditions([...side.filters, ...side.keyFilters, ...where])} offset 0) as h`;
}

/** What the position is made of, so that nothing is computed twice. */
function rawPosition(side: SidePlan, position: Position): string {
  switch (position) {
    case 'integer key':
      return side.keyValues[0] as string;
    case 'key region':
      return regionSql(side);
    case 'hash of key':
      return `md5(${rowBytes(side.keyValues)})`;
    case 'hash of row':
      return 'null::text';
  }
}

function positionExpression(position: Position): string {
  switch (position) {
    case 'integer key':
      // The subscriber's column may allow nulls: those rows get a place with the zeros.
      return 'coalesce(h.raw_position, 0)';
    case 'key region':
      return 'h.raw_position';
    case 'hash of key':
      return hashPosition('h.raw_position');
    case 'hash of row':
      return hashPosition('h.row_hash');
  }
}

function hashPosition(hash: string): string {
  return `('x' || left(${hash}, 8))::bit(32)::int8`;
}

/** Lets the server use the index of an integer key, and spares it the hashes of rows that are in no interval. */
function intervalPiece(side: SidePlan, position: Position, intervals: readonly Interval[]): Piece[] {
  if (intervals.length === 0) return [];
  if (position === 'hash of key') {
    const isWhole = intervals.some(({ low, high }) => low <= HASH_INTERVAL.low && high >= HASH_INTERVAL.high);
    return isWhole ? [] : [`(${anyOf(hashPosition(`md5(${rowBytes(side.keyValues)})`), intervals)})`];
  }
  if (position !== 'integer key') return [];
  const [column] = side.keyReferences;
  const parts = intervals.map(({ low, high }) => `${column} between ${low} and ${high}`);
  if (intervals.some(({ low, high }) => low <= 0n && high >= 0n)) parts.push(`${column} is null`);
  return [`(${parts.join(' or ')})`];
}

function within(intervals: readonly Interval[]): string {
  if (intervals.length === 0) return '';
  return ` where ${anyOf('r.position', intervals)}`;
}

function anyOf(position: string, intervals: readonly Interval[]): string {
  return intervals.map(({ low, high }) => `${position} between ${low} and ${high}`).join(' or ');
}

/** What is read of the table, as `t`. */
export function source(side: SidePlan, extra: readonly string[] = []): string {
  const { selection, shape } = side;
  if (isWholeTable(selection) && extra.length === 0) {
    return `${shape.isPartitioned ? '' : 'only '}${quoteName(shape.destTable)} as t`;
  }
  const columns = shape.columns.map(({ name, type }) => ({ name, kind: kindOfValue(type) }));
  const table = { name: shape.destTable, isPartitioned: shape.isPartitioned };
  // The server merges it with the query around it, so that indexes and ranges of addresses are used all the same.
  return `(${selectedSql(selection, columns, table, ['ctid', ...extra])}) as t`;
}

function conditions(where: readonly Piece[]): string {
  const given = where.filter((piece) => piece !== undefined);
  return given.length === 0 ? '' : ` where ${given.join(' and ')}`;
}
