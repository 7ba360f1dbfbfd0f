import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openConnection } from '../../src/db/connect.js';
import type { Connection } from '../../src/db/connection.js';
import { watchSilence } from '../../src/db/silence-watch.js';
import { LinkProxy } from '../fault/harness/link-proxy.js';
import { type FreshDatabase, freshDatabase } from '../support/cluster.js';
import { waitUntil } from '../support/wait-until.js';

const SILENT_MS = 200;

let database: FreshDatabase;
let link: LinkProxy;

beforeAll(async () => {
  database = await freshDatabase(18, 'silent');
  link = await LinkProxy.open(database.cluster.port);
});

afterAll(async () => {
  await link?.[Symbol.asyncDispose]();
  await database?.[Symbol.asyncDispose]();
});

/** A session through the link, what is told of it, and how often it was asked for. */
async function watched(port: number, user = 'postgres') {
  const { name } = database;
  const open = (through: number) =>
    openConnection(
      { host: '127.0.0.1', port: through, database: name, user, connectTimeoutMs: 500 },
      { application: 'silence' },
    );
  const connection: Connection = await open(link.port);
  const reasons: string[] = [];
  let probes = 0;
  watchSilence(connection, {
    connect: () => {
      probes++;
      return open(port);
    },
    silentMs: SILENT_MS,
    onCut: (reason) => reasons.push(reason),
  });
  return { connection, reasons, probes: () => probes };
}

test('a server that can be reached and has not got what was sent', async () => {
  const { connection, reasons } = await watched(database.cluster.port);
  link.become({ kind: 'silent', afterBytes: 0 });
  await expect(connection.query('select 1')).rejects.toMatchObject({ code: 'PC203' });
  expect(reasons).toEqual([expect.stringContaining('has not got what was sent')]);
  expect(connection.isOpen).toBe(false);
  link.become({ kind: 'open' });
});

test('a server that cannot be reached', async () => {
  const { connection, reasons } = await watched(link.port);
  link.become({ kind: 'silent', afterBytes: 0 });
  await expect(connection.query('select 1')).rejects.toMatchObject({ code: 'PC203' });
  expect(reasons).toEqual([expect.stringContaining('cannot be reached')]);
  link.become({ kind: 'open' });
});

test('a server that has the session no more', async () => {
  const { connection, reasons } = await watched(database.cluster.port);
  link.become({ kind: 'silent', afterBytes: 0 });
  await database.query('select pg_terminate_backend($1)', [connection.backendId]);
  await expect(connection.query('select 1')).rejects.toMatchObject({ code: 'PC203' });
  expect(reasons).toEqual([expect.stringContaining('has the session no more')]);
  link.become({ kind: 'open' });
});

test('rows that stop to come in the middle', async () => {
  const { connection, reasons } = await watched(link.port);
  link.become({ kind: 'silent', afterBytes: 100_000 });
  const rows: Readable = connection.copyTo(
    "copy (select repeat('x', 1000) from generate_series(1, 4000)) to stdout",
  );
  rows.resume();
  await expect(once(rows, 'end')).rejects.toThrow();
  expect(reasons).toEqual([expect.stringContaining('cannot be reached')]);
  link.become({ kind: 'open' });
});

test('a server that has no session to spare works for those that it has', async () => {
  await database.query('create role silent_plain login');
  const { connection, reasons, probes } = await watched(database.cluster.port, 'silent_plain');
  await database.query('alter role silent_plain connection limit 0');
  await expect(connection.query("select pg_sleep(1.5), 'done' as v")).resolves.toMatchObject([{ v: 'done' }]);
  expect(probes()).toBeGreaterThan(1);
  expect(reasons).toEqual([]);
  await connection.close();
  await database.query('drop role silent_plain');
});

test('a server that works for long, a session that is asked for nothing, and rows that nobody reads are let be', async () => {
  const { connection, reasons, probes } = await watched(database.cluster.port);
  await expect(connection.query("select pg_sleep(1.5), 'done' as v")).resolves.toMatchObject([{ v: 'done' }]);
  expect(probes()).toBeGreaterThan(1);

  const asked = probes();
  await database.query('select pg_sleep(1)');
  expect(probes()).toBe(asked);

  // All of it is in the buffers on the way, and the server's session idle, when nobody reads.
  const rows: Readable = connection.copyTo(
    "copy (select repeat('x', 1000) from generate_series(1, 400)) to stdout",
  );
  await waitUntil('the server has sent all', async () => {
    const [session] = await database.query<{ state: string }>(
      'select state from pg_stat_activity where pid = $1',
      [connection.backendId],
    );
    return session?.state === 'idle';
  });
  await database.query('select pg_sleep(1)');
  rows.resume();
  await once(rows, 'end');
  await expect(connection.query('select 1 as v')).resolves.toEqual([{ v: 1 }]);
  expect(reasons).toEqual([]);
  await connection.close();
});
