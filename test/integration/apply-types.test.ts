import { describe, expect, test } from 'vitest';
import type { Connection } from '../../src/db/connection.js';
import { quoteIdentifier, quoteName } from '../../src/db/identifier.js';
import { awkwardTables } from '../support/awkward-tables.js';
import { freshDatabase } from '../support/cluster.js';
import { type EventFields, openSubscriber, rowEvent } from './apply-fixture.js';

const TABLES: readonly { readonly name: string; readonly key: readonly string[] }[] = [
  { name: 'public.every_type', key: ['id'] },
  { name: 'public.no_key', key: [] },
  { name: 'public.numeric_key', key: ['k'] },
  { name: 'public.two_part_key', key: ['number', 'region'] },
  { name: 'public.identity_always', key: ['id'] },
  { name: 'Odd Schema.Tab.le "quoted" & \'more\'', key: ['with space', 'select'] },
  { name: 'public.types_as_keys', key: ['b', 'e', 'ts', 'u', 'o', 'x', 'f'] },
  { name: 'public.extension_types', key: ['c'] },
];

const MORE_TABLES = `
create extension citext;
create extension hstore;
create domain document as jsonb;
create domain short as varchar(8);
create table extension_types (c citext primary key, h hstore, d document, s short, hs hstore[]);
insert into extension_types values
    ('Key', 'a=>1, "b c"=>NULL', '{"a": [1]}', 'short', array['a=>1'::hstore, null]),
    ('other', '', '"text"', '', '{}');
create table types_as_keys (b bytea, e mood, ts timestamptz, u uuid, o boolean, x character(5), f double precision, v text,
    primary key (b, e, ts, u, o, x, f));
insert into types_as_keys
select decode(md5(i::text), 'hex'), 'very happy', '2001-02-03 04:05:06.789+03'::timestamptz + i * interval '1 s', md5(i::text)::uuid,
       i % 2 = 0, 'x' || i, i / 3.0, 'v' || i
  from generate_series(1, 20) as i;
`;

interface SourceRow {
  readonly row: string;
  readonly key: string;
}

/** The rows of a table as our triggers put them into events. */
async function rowsOf(session: Connection, name: string, key: readonly string[]): Promise<SourceRow[]> {
  const columns = await session.query<{ attname: string; plain: boolean }>(
    `select attname::text, format_type(atttypid, null) in
            ('smallint', 'integer', 'bigint', 'boolean', 'text', 'character varying', 'character') as plain
       from pg_attribute where attrelid = $1::regclass and attnum > 0 and not attisdropped order by attnum`,
    [quoteName(name)],
  );
  const values = columns.map(({ attname, plain }) => {
    const column = quoteIdentifier(attname);
    return { name: attname, sql: `${column}${plain ? '' : '::text'} as ${column}` };
  });
  const list = (only: readonly { sql: string }[]) => only.map(({ sql }) => sql).join(', ') || 'null';
  return session.query<SourceRow & Record<string, unknown>>(
    `select row_to_json((select r from (select ${list(values)}) as r))::text as row,
            row_to_json((select r from (select ${list(values.filter((v) => key.includes(v.name)))}) as r))::text as key
       from ${quoteName(name)} as s`,
  );
}

function events(
  operation: 'INSERT' | 'UPDATE' | 'DELETE',
  name: string,
  key: readonly string[],
  rows: readonly SourceRow[],
): EventFields[] {
  return rows.map(({ row, key: keyOnly }) => ({
    ...rowEvent(operation, name, key, operation === 'DELETE' && key.length > 0 ? keyOnly : row),
    extra1: name,
  }));
}

for (const major of [10, 18]) {
  describe(`on PostgreSQL ${major}`, () => {
    test('values of every type come through inserts, updates and deletes unchanged', async () => {
      await using source = await freshDatabase(major);
      await using subscriber = await openSubscriber(major);
      const { schema, rows } = awkwardTables(10);
      await source.query(schema + rows + MORE_TABLES);
      await using session = await source.connect();
      const application = await subscriber.application();
      await application.execute(schema + MORE_TABLES.replaceAll(/^insert [^;]*;/gm, ''));
      for (const { name, key } of TABLES) {
        const all = await rowsOf(session, name, key);
        const wanted = await sortedRows(session, name);
        expect(all.length, name).toBeGreaterThan(0);

        const inserted = await subscriber.apply(events('INSERT', name, key, all));
        expect(inserted, name).toMatchObject({
          applied: all.length,
          skipped: 0,
          conflicts: [],
          leftOut: [],
          writtenAgain: [],
        });
        expect(await sortedRows(subscriber.session, name), name).toEqual(wanted);

        // Every row takes the values of the next one, and then its own again.
        const shifted = all.map((row, i) => withValuesOf(row, all[(i + 1) % all.length] as SourceRow));
        const updates = (from: readonly SourceRow[], to: readonly SourceRow[]) =>
          events('UPDATE', name, key, to).map((event, i) => ({
            ...event,
            extra2: key.length === 0 ? (from[i]?.row ?? null) : null,
          }));
        for (const block of [updates(all, shifted), updates(shifted, all)]) {
          const updated = await subscriber.apply(block);
          expect(updated, name).toMatchObject({
            applied: all.length,
            skipped: 0,
            conflicts: [],
            leftOut: [],
            writtenAgain: [],
          });
        }
        expect(await sortedRows(subscriber.session, name), name).toEqual(wanted);

        const deleted = await subscriber.apply(events('DELETE', name, key, all));
        expect(deleted, name).toMatchObject({
          applied: all.length,
          skipped: 0,
          conflicts: [],
          leftOut: [],
          writtenAgain: [],
        });
        expect(await sortedRows(subscriber.session, name), name).toEqual([]);
      }
    });
  });
}

async function sortedRows(session: Connection, name: string): Promise<unknown[]> {
  const rows = await session.query(`select r::text as row from ${quoteName(name)} as r order by r::text`);
  return rows.map(({ row }) => row);
}

/** The row under its own key with the values of another. */
function withValuesOf(own: SourceRow, other: SourceRow): SourceRow {
  // JSON.parse would round a bigint, so the key's text is put behind: the last of two equal names counts.
  const parsed = JSON.parse(other.row) as Record<string, unknown>;
  for (const name of Object.keys(JSON.parse(own.key) as object)) delete parsed[name];
  const values = JSON.stringify(parsed).slice(1, -1);
  const key = own.key === '{}' || own.key.startsWith('{"?column?"') ? '' : own.key.slice(1, -1);
  return { key: own.key, row: `{${[key, values].filter((part) => part !== '').join(',')}}` };
}
