import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/db/connection.js';
import { sqlstateOf } from '../../src/db/sqlstate.js';
import { type FreshDatabase, freshDatabase } from '../support/cluster.js';

/** Rows of every length up to some, and a few that are longer than what a socket gives at once. */
const ROWS = `
    select i as id, repeat('x', i % 700) || E'\\t\\n\\\\' as v from generate_series(1, 3000) as i
     union all
    select -i, repeat('long', i * 100000) from generate_series(1, 3) as i`;

/** A row as the server sends it. */
function frame(row: string): Buffer {
  const header = Buffer.from('d....');
  header.writeInt32BE(row.length + 4, 1);
  return Buffer.concat([header, Buffer.from(row)]);
}

describe.each([10, 18])('rows that go on to another session of PostgreSQL %i unseen', (major) => {
  let database: FreshDatabase;
  let reader: Connection;
  let writer: Connection;
  beforeAll(async () => {
    database = await freshDatabase(major, 'frames');
    reader = await database.application();
    writer = await database.application();
    await writer.execute(`create table source as ${ROWS};
      create table target (id int primary key, v text);
      create function noisy(n int) returns int language plpgsql as $$ begin raise notice 'row %', n; return n; end $$`);
  });
  afterAll(async () => {
    await reader.close();
    await writer.close();
    await database[Symbol.asyncDispose]();
  });

  const digest = (table: string) =>
    writer.query(
      `select count(*)::int as rows, md5(string_agg(md5(v), '' order by id)) as md5 from ${table}`,
    );

  test('come whole, are counted, and both sessions go on', async () => {
    for (let round = 0; round < 2; round++) {
      await writer.execute('truncate target');
      const rows = reader.copyFramesTo('copy source to stdout');
      await pipeline(rows, writer.copyFramesFrom('copy target from stdin'));
      expect(rows.rowCount).toBe(3003);
      expect(await digest('target')).toEqual(await digest('source'));
      expect(await reader.query('select 1 as one')).toEqual([{ one: 1 }]);
    }
  });

  test('may be none', async () => {
    const rows = reader.copyFramesTo('copy (select 1, null where false) to stdout');
    await pipeline(rows, writer.copyFramesFrom('copy target from stdin'));
    expect(rows.rowCount).toBe(0);
    expect(await digest('target')).toEqual(await digest('source'));
  });

  test('come with what the server says in between left out', async () => {
    const rows = reader.copyFramesTo(
      'copy (select noisy(i), null from generate_series(10001, 12000) as i) to stdout',
    );
    await pipeline(rows, writer.copyFramesFrom('copy target from stdin'));
    expect(rows.rowCount).toBe(2000);
    expect(await writer.execute('delete from target where id > 10000')).toBe(2000);
  });

  test.each([
    ['a table that is not there', 'copy nowhere to stdout', 'copy target from stdin', '42P01'],
    [
      'a row that fails in the middle',
      'copy (select 20000 + i, 1 / (2500 - i) from generate_series(1, 3000) as i) to stdout',
      'copy target from stdin',
      '22012',
    ],
    ['no table to write to', 'copy source to stdout', 'copy nowhere from stdin', '42P01'],
    ['a row that is there already', 'copy source to stdout', 'copy target from stdin', '23505'],
  ])('%s fails with the reason of the server, and both sessions go on', async (_, from, to, state) => {
    const failed = pipeline(reader.copyFramesTo(from), writer.copyFramesFrom(to));
    expect(sqlstateOf(await failed.catch((error: unknown) => error))).toBe(state);
    expect(await reader.query('select 1 as one')).toEqual([{ one: 1 }]);
    expect(await digest('target')).toEqual(await digest('source'));
  });

  test('that are cut anywhere leave the session as it was', async () => {
    for (let cut = 1; cut <= 40; cut++) {
      const from = writer.copyFramesFrom('copy target from stdin');
      const failed = once(from, 'error');
      const rows = Buffer.concat([frame('40001\ta\n'), frame(`40002\t${'b'.repeat(300)}\n`)]);
      from.write(rows.subarray(0, cut));
      from.destroy(new Error('cut'));
      await failed;
      expect(await writer.query('select count(*)::int as rows from target where id > 40000')).toEqual([
        { rows: 0 },
      ]);
    }
  });

  test('are not held when nobody takes them', async () => {
    const rows = reader.copyFramesTo(
      "copy (select repeat('x', 1000) from generate_series(1, 200000)) to stdout",
    );
    for await (const _ of rows) break;
    expect(rows.rowCount).toBeLessThan(100_000);
    expect(await reader.query('select 1 as one')).toEqual([{ one: 1 }]);
  });

  test('end with a session that is cut', async () => {
    const doomed = await database.application();
    const { pid } = await doomed.one<{ pid: number }>('select pg_backend_pid() as pid');
    const rows = doomed.copyFramesTo(
      'copy (select i, pg_sleep(0.001) from generate_series(1, 100000) as i) to stdout',
    );
    const failed = pipeline(rows, writer.copyFramesFrom('copy target (id, v) from stdin')).catch(
      (error: unknown) => error,
    );
    await reader.query('select pg_terminate_backend($1)', [pid]);
    expect(await failed).toBeInstanceOf(Error);
    expect(await digest('target')).toEqual(await digest('source'));
  });
});
