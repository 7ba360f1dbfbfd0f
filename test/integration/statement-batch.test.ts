import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/db/connection.js';
import { sqlstateOf } from '../../src/db/sqlstate.js';
import { type FreshDatabase, freshDatabase } from '../support/cluster.js';

describe.each([10, 18])('statements in one message to PostgreSQL %i', (major) => {
  let database: FreshDatabase;
  let session: Connection;
  beforeAll(async () => {
    database = await freshDatabase(major, 'batch');
    session = await database.application();
    await session.execute('create table t (id int primary key, v text)');
  });
  afterAll(async () => {
    await session.close();
    await database[Symbol.asyncDispose]();
  });

  const rows = () => session.query('select id, v from t order by id');

  test('each is done, with its rows counted, and a COPY may be among them', async () => {
    await session.transaction(async (tx) => {
      const outcome = await tx.executeTogether([
        { text: 'savepoint s' },
        { text: 'copy t (id, v) from stdin', copyData: ['1\ta\n2', '\t\\N\n'] },
        { text: 'update t set v = $1 where id = any ($2::int[])', values: ['x', '{1,2,3}'] },
        { text: 'select 1 from t' },
        { text: 'copy t (id) from stdin', copyData: [''] },
        { text: 'delete from t where id = $1', values: ['2'] },
      ]);
      expect(outcome).toEqual({ counts: [0, 2, 2, 2, 0, 1], error: undefined });
    });
    expect(await rows()).toEqual([{ id: 1, v: 'x' }]);
  });

  test.each([
    ['a COPY that cannot begin', { text: 'copy nowhere from stdin', copyData: ['1\n'] }, '42P01'],
    [
      'a COPY whose second row fails',
      { text: 'copy t from stdin', copyData: ['7\ta\n1\tb\n8\tc\n'] },
      '23505',
    ],
    ['a parameter that is none', { text: 'insert into t values ($1::int)', values: ['x'] }, '22P02'],
    ['a statement that is none', { text: 'nonsense' }, '42601'],
  ])('%s ends the message, and the session goes on', async (_, failing, state) => {
    await session.transaction(async (tx) => {
      const { counts, error } = await tx.executeTogether([
        { text: 'savepoint s' },
        { text: "insert into t values (5, 'before')" },
        failing,
        { text: 'copy t from stdin', copyData: ['6\tafter\n'] },
        { text: "insert into t values (9, 'after')" },
      ]);
      expect(counts).toEqual([0, 1]);
      expect(sqlstateOf(error)).toBe(state);
      await tx.execute('rollback to savepoint s');
      expect(await tx.executeTogether([{ text: "insert into t values (3, 'later')" }])).toEqual({
        counts: [1],
        error: undefined,
      });
      await tx.execute('rollback to savepoint s');
    });
    expect(await rows()).toEqual([{ id: 1, v: 'x' }]);
  });

  test('a session that is lost meanwhile is told as lost', async () => {
    await using lost = await database.application();
    await lost.execute('begin');
    await expect(
      lost.executeTogether([
        { text: 'savepoint s' },
        { text: 'select pg_catalog.pg_terminate_backend(pg_catalog.pg_backend_pid())' },
        { text: 'copy t from stdin', copyData: ['6\tafter\n'] },
      ]),
    ).rejects.toMatchObject({ code: 'PC203' });
  });
});
