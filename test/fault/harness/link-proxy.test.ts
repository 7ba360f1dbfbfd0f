import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { openConnection } from '../../../src/db/connect.js';
import type { Connection } from '../../../src/db/connection.js';
import { freshDatabase } from '../../support/cluster.js';
import { waitUntil } from '../../support/wait-until.js';
import { LinkProxy } from './link-proxy.js';

async function openLink() {
  const database = await freshDatabase(18);
  const proxy = await LinkProxy.open(database.cluster.port);
  const connect = (): Promise<Connection> =>
    openConnection(
      { host: '127.0.0.1', port: proxy.port, database: database.name, user: 'postgres' },
      { application: 'proxy-test' },
    );
  await database.query('create table public.t (id int)');
  return {
    database,
    proxy,
    connect,
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await database[Symbol.asyncDispose]();
    },
  };
}

test('a link refuses new connections, and cuts those that are there', async () => {
  await using link = await openLink();
  await using session = await link.connect();
  link.proxy.become({ kind: 'refuse' });
  await expect(link.connect()).rejects.toMatchObject({ code: 'PC200' });
  await session.query('select 1');
  link.proxy.cut();
  await expect(session.query('select 1')).rejects.toThrow();
  link.proxy.become({ kind: 'open' });
  await using again = await link.connect();
  expect(await again.query('select 1 as one')).toEqual([{ one: 1 }]);
});

test('an answer is lost after the work was done', async () => {
  await using link = await openLink();
  await using session = await link.connect();
  link.proxy.become({ kind: 'lose-answer', request: 'insert' });
  expect(await session.query('select 1 as one')).toEqual([{ one: 1 }]);
  await expect(session.query('insert into public.t values (1)')).rejects.toThrow();
  expect(link.proxy.lostAnswers).toBe(1);
  expect(await link.database.query('select id from public.t')).toEqual([{ id: 1 }]);
});

test('a link goes silent in the middle of an answer; what was held comes when it heals, or the connection is cut', async () => {
  await using link = await openLink();
  for (const heals of [true, false]) {
    await using session = await link.connect();
    link.proxy.become({ kind: 'silent', afterBytes: 1_000 });
    let ended: string | undefined;
    const query = session.query('select g from generate_series(1, 1000) as g').then(
      (rows) => {
        ended = `${rows.length} rows`;
      },
      () => {
        ended = 'cut';
      },
    );
    // Nothing comes; that it would come later cannot be waited for, only not be seen.
    await sleep(200);
    expect(ended).toBeUndefined();
    link.proxy.become({ kind: 'open' }, { heals });
    await query;
    expect(ended).toBe(heals ? '1000 rows' : 'cut');
  }
  await waitUntil('nothing is left of the connections', () => link.proxy.connectionCount === 0);
});

test('a slow link brings everything, in order', async () => {
  await using link = await openLink();
  await using session = await link.connect();
  link.proxy.become({ kind: 'delay', ms: 5 });
  const rows = await session.query<{ g: number }>('select g from generate_series(1, 20000) as g');
  expect(rows.map(({ g }) => g)).toEqual(Array.from({ length: 20_000 }, (_, i) => i + 1));
});

test('nothing is left of a connection whose client dies while answers come', async () => {
  await using link = await openLink();
  const session = await link.connect();
  const query = session.query("select repeat('x', 10000) from generate_series(1, 3000)").catch(() => 'cut');
  session.destroy();
  await query;
  await waitUntil('nothing is left', () => link.proxy.connectionCount === 0);
});

test('that a client has died in a silence its server hears when the silence is over', async () => {
  await using link = await openLink();
  const session = await link.connect();
  link.proxy.become({ kind: 'silent', afterBytes: 0 });
  session.destroy();
  const sessions = () =>
    link.database.query("select pid from pg_stat_activity where application_name = 'pgcascade/proxy-test'");
  // Nothing comes; that it would come later cannot be waited for, only not be seen.
  await sleep(200);
  expect(await sessions()).toHaveLength(1);
  link.proxy.become({ kind: 'open' });
  await waitUntil('the session has ended', async () => (await sessions()).length === 0);
  await waitUntil('nothing is left', () => link.proxy.connectionCount === 0);
});
