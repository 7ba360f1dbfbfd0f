import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import type { BoundHandler } from '../handlers/registry.js';
import { isWholeTable } from '../handlers/row-selection.js';
import type { CopySide } from './copy-columns.js';

/** How rows travel: `binary` takes a third less of both servers' processor time. */
export type CopyFormat = 'text' | 'binary';

/** What stands behind a COPY command of that format. Pure. */
export function formatSql(format: CopyFormat): string {
  return format === 'binary' ? ' with (format binary)' : '';
}

/**
 * Types of PostgreSQL whose binary form is the value, whatever the server and its settings. Not among them: those that name
 * objects of a database by oid (regclass and so on), xml, which is another text for another client, and whatever is made in a database, whose oids
 * are others in the next one.
 */
const SAME_ON_BOTH = `
  bool, bytea, "char", name, int8, int2, int4, text, oid, json, jsonb, point, lseg, path, box, polygon, line, circle, float4, float8, money,
  macaddr, macaddr8, inet, cidr, bpchar, varchar, date, time, timestamp, timestamptz, interval, timetz, bit, varbit, numeric, uuid, pg_lsn,
  tsvector, int4range, int8range, numrange, tsrange, tstzrange, daterange`;

export interface CopyEnds {
  readonly reader: Connection;
  /** Name on the provider. */
  readonly sourceTable: string;
  readonly relkind: CopySide['relkind'];
  /** Names on the provider. */
  readonly columns: readonly string[];
  readonly writer: Connection;
  /** Name on the subscriber. */
  readonly destTable: string;
  /** Names on the subscriber, in the same order. */
  readonly columnsHere: readonly string[];
  readonly handler: Pick<BoundHandler, 'selection' | 'openCopy'>;
}

/** Binary where a column is of the same type on both sides, both servers have the same major version, and rows go through as they are; else text. */
export async function chooseFormat(ends: CopyEnds): Promise<CopyFormat> {
  const { reader, sourceTable, relkind, columns, writer, destTable, columnsHere, handler } = ends;
  const isPlain = relkind === 'r' && isWholeTable(handler.selection) && handler.openCopy === undefined;
  if (!isPlain || columns.length === 0 || majorOf(reader) !== majorOf(writer)) return 'text';
  const there = await readTypes(reader, sourceTable, columns);
  const here = await readTypes(writer, destTable, columnsHere);
  const isSame = there.every((type, i) => type !== null && type === here[i]);
  return isSame ? 'binary' : 'text';
}

function majorOf({ serverVersion }: Connection): number {
  return Math.floor(serverVersion / 10_000);
}

/** For each column its type, or null for one whose binary form is not the same on both sides. */
async function readTypes(
  connection: Connection,
  tableName: string,
  columns: readonly string[],
): Promise<readonly (number | null)[]> {
  const { types } = await connection.one<{ types: (number | null)[] }>(
    `select array_agg(case when coalesce(e.typname, t.typname) = any (string_to_array($3, ',')) then t.oid::int4 end order by n.position) as types
       from unnest($2::text[]) with ordinality as n(name, position)
       left join pg_attribute as a on a.attrelid = to_regclass($1) and a.attname = n.name
       left join pg_type as t on t.oid = a.atttypid and t.typnamespace = 'pg_catalog'::regnamespace
       left join pg_type as e on e.oid = t.typelem and t.typcategory = 'A'`,
    [quoteName(tableName), columns, TYPE_NAMES.join(',')],
  );
  return types;
}

const TYPE_NAMES = SAME_ON_BOTH.split(',').map((name) => name.trim().replaceAll('"', ''));
