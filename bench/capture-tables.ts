import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Connection } from '../src/db/connection.js';

/** One statement over all rows of a table. */
export interface Operation {
  readonly name: string;
  /** True when it begins with an empty table. */
  readonly onEmpty: boolean;
  run(session: Connection, table: string): Promise<void>;
}

/** A table, its rows in `<name>_source`, and what is done to them. */
export interface Workload {
  readonly name: string;
  readonly rows: number;
  /** The columns of the table. */
  readonly columns: string;
  /** One that has an index besides the key. */
  readonly indexed?: string;
  /** A query for the rows. */
  readonly source: string;
  /** The `set` list of the update: other values in all rows. */
  readonly changes: string;
}

/** About 300 bytes a row, of the types that applications use. */
export const wideTable = (rows: number, name = 'wide'): Workload => ({
  name,
  rows,
  indexed: 'at',
  columns: `
    id bigint primary key, note text, doc jsonb, at timestamptz, amount numeric, flag bool, raw bytea, list int[]`,
  source: `
    select i::bigint, 'some text of row ' || i || ' ' || repeat(md5(i::text) || ' ', 2),
           jsonb_build_object('k', i, 'name', 'value of ' || i, 'tags', jsonb_build_array('a', 'b', i)),
           '2024-05-06 07:08:09.123456+00'::timestamptz + i * interval '1 second', i * 1.25, i % 2 = 0,
           decode(md5(i::text) || md5((i + 1)::text), 'hex'), array[i, i + 1, i + 2, i + 3]
      from generate_series(1, ${rows}) as i`,
  changes: "note = note || '!', amount = amount + 1, at = at + interval '1 day'",
});

export const thousandColumns = (): Workload => {
  const names = Array.from({ length: 999 }, (_, i) => `c${i + 1}`);
  return {
    name: 'thousand',
    rows: 500,
    columns: `id int primary key, ${names.map((name) => `${name} int`).join(', ')}`,
    source: `select i, ${names.map((_, i) => `i + ${i}`).join(', ')} from generate_series(1, 500) as i`,
    changes: 'c1 = c1 + 1, c500 = c500 + 1',
  };
};

/** Text that no compression makes shorter: its digits are those of checksums in base64. */
export const longRows = (rows: number): Workload => ({
  name: 'long_rows',
  rows,
  columns: 'id int primary key, n int, body text',
  source: `
    select i, 0, (select translate(encode(string_agg(sha256((i || '-' || part)::bytea), ''), 'base64'), E'\\n', '')
                    from generate_series(1, 235) as part)
      from generate_series(1, ${rows}) as i`,
  changes: 'n = n + 1',
});

/** Makes the table and its source. Capture is put on by the caller. */
export async function createTables(
  session: Connection,
  { name, columns, indexed, source }: Workload,
): Promise<void> {
  await session.execute(`create table ${name} (${columns})`);
  if (indexed !== undefined) await session.execute(`create index on ${name} (${indexed})`);
  await session.execute(`create table ${name}_source (like ${name} including all)`);
  await session.execute(`insert into ${name}_source ${source}`);
  await session.execute(`vacuum analyze ${name}_source`);
}

export function bulkOperations({ name, changes }: Workload): readonly Operation[] {
  const statement = (operation: string, onEmpty: boolean, text: (table: string) => string): Operation => ({
    name: operation,
    onEmpty,
    run: async (session, table) => void (await session.execute(text(table))),
  });
  return [
    statement('insert … select', true, (table) => `insert into ${table} select * from ${name}_source`),
    statement('update', false, (table) => `update ${table} set ${changes}`),
    statement('delete', false, (table) => `delete from ${table}`),
  ];
}

/** COPY of the rows of `<name>_source`, which `session` has. */
export async function copyOperation(session: Connection, { name }: Workload): Promise<Operation> {
  const parts: Buffer[] = [];
  for await (const part of session.copyTo(`copy ${name}_source to stdout`)) parts.push(part);
  const data = Buffer.concat(parts);
  const pieces = Array.from({ length: Math.ceil(data.length / 65_536) }, (_, i) =>
    data.subarray(i * 65_536, (i + 1) * 65_536),
  );
  return {
    name: 'COPY',
    onEmpty: true,
    run: (target, table) => pipeline(Readable.from(pieces), target.copyFrom(`copy ${table} from stdin`)),
  };
}
