import type { Connection, Row } from '../db/connection.js';
import { quoteLiteral } from '../db/identifier.js';
import { useSettings } from '../handlers/selection-settings.js';
import { outputText, rowBytes } from './canonical-value.js';
import type { RowKey } from './row-key.js';
import { source } from './scan-sql.js';
import type { SidePlan, TablePlan } from './table-plan.js';

/** What names rows: a key, or without keys the md5 of the row as a comparison sees it. */
export type RowName =
  | { readonly key: RowKey; readonly rowHash: null }
  | { readonly key: null; readonly rowHash: string };

/** A row that has one of the names. */
export interface NamedRow {
  /** Which one, by its place in the list. */
  readonly at: number;
  readonly rowHash: string;
  /** Texts of the key; null without one. */
  readonly key: RowKey | null;
  /** Texts of the values, in the order of the plan's columns. */
  readonly texts: RowKey;
  /** md5 of each value as a comparison sees it; null for null. */
  readonly valueHashes: RowKey;
  /** How many are alike; with a key 1. */
  readonly rows: bigint;
}

/**
 * Reads the rows that have one of the names, on one side and in its snapshot. All names are of the plan's kind. Rows by
 * their key are found by its index; a name without a key costs a look at the whole table.
 */
export async function readNamedRows(
  reader: Connection,
  plan: TablePlan,
  side: SidePlan,
  names: readonly RowName[],
): Promise<NamedRow[]> {
  await useSettings(reader, side.selection);
  const isKeyed = plan.keyColumns.length > 0;
  const rows = await reader.query<NamedRowRow>(namedRowsSql(side, isKeyed), namesAsParameters(plan, names));
  return rows.map((row) => ({
    at: Number(row.at) - 1,
    rowHash: row.row_hash,
    key: row.key,
    texts: row.texts,
    valueHashes: row.value_hashes,
    rows: row.rows,
  }));
}

/**
 * About how many bytes the texts of the rows are that have each name, by the places of the names: what `readNamedRows` would
 * hold. The server makes the texts and keeps them.
 */
export async function readNamedSizes(
  reader: Connection,
  plan: TablePlan,
  side: SidePlan,
  names: readonly RowName[],
): Promise<number[]> {
  await useSettings(reader, side.selection);
  const isKeyed = plan.keyColumns.length > 0;
  const rows = await reader.query<{ at: bigint; bytes: bigint }>(
    `select r.at, max(r.bytes) as bytes from (${namedSizesSql(side, isKeyed)}) as r group by r.at`,
    namesAsParameters(plan, names),
  );
  const sizes = names.map(() => 0);
  for (const { at, bytes } of rows) sizes[Number(at) - 1] = Number(bytes);
  return sizes;
}

function namesAsParameters({ keyColumns }: TablePlan, names: readonly RowName[]): unknown[] {
  return keyColumns.length > 0
    ? keyColumns.map((_, column) => names.map(({ key }) => key?.[column] ?? null))
    : [names.map(({ rowHash }) => rowHash)];
}

interface NamedRowRow extends Row {
  readonly at: bigint;
  readonly row_hash: string;
  readonly key: RowKey | null;
  readonly texts: RowKey;
  readonly value_hashes: RowKey;
  readonly rows: bigint;
}

function namedRowsSql(side: SidePlan, isKeyed: boolean): string {
  const rowHash = `md5(${rowBytes(side.values)})`;
  const columns = [
    'n.at',
    `${rowHash} as row_hash`,
    `${isKeyed ? textArray(side.keyReferences.map(outputText)) : 'null::text[]'} as key`,
    `${textArray(side.references.map(outputText))} as texts`,
    `${textArray(side.values.map(valueHash))} as value_hashes`,
  ].join(', ');
  if (isKeyed) return `select ${columns}, 1::int8 as rows ${namedSql(side, isKeyed)}`;
  // Of rows that are alike one is as good as another, and one is enough to hold.
  return `
    select r.at, r.row_hash, null::text[] as key, min(r.texts::text collate "C")::text[] as texts,
           min(r.value_hashes::text collate "C")::text[] as value_hashes, count(*) as rows
      from (select ${columns} ${namedSql(side, isKeyed)}) as r
     group by r.at, r.row_hash`;
}

function namedSizesSql(side: SidePlan, isKeyed: boolean): string {
  const sizes = side.references.map((value) => `coalesce(octet_length(${outputText(value)}), 0)::int8`);
  return `select n.at, ${['0::int8', ...sizes].join(' + ')} as bytes ${namedSql(side, isKeyed)}`;
}

/** The rows that have one of the names, as `t`, and the names as `n`. */
function namedSql(side: SidePlan, isKeyed: boolean): string {
  if (!isKeyed) {
    return `from ${source(side)}
            join unnest($1::text[]) with ordinality as n(hash, at) on n.hash = md5(${rowBytes(side.values)})`;
  }
  const names = side.keyReferences.map((_, i) => `k${i}`);
  const isSame = side.keyReferences.map((key, i) => `${key} = (n.k${i})::${side.keyTypes[i]}`);
  return `from unnest(${names.map((_, i) => `$${i + 1}::text[]`).join(', ')}) with ordinality as n(${names.join(', ')}, at)
          join ${source(side)} on ${isSame.join(' and ')}`;
}

function valueHash(value: string): string {
  return `case when ${value} is distinct from null then md5(${rowBytes([value])}) end`;
}

function textArray(parts: readonly string[]): string {
  return parts.length === 0 ? `${quoteLiteral('{}')}::text[]` : `array[${parts.join(', ')}]`;
}
