import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { freshDatabaseOn, startCluster } from '../support/cluster.js';
import { waitUntil } from '../support/wait-until.js';
import { CommandNode } from './command-node.js';

/** Both in ms. A writer that stood behind add-table for all of its lock_timeout would have to wait longer than it may. */
const LOCK_TIMEOUT = 6_000;
const WRITER_LIMIT = 4_000;

/** So slow that it takes a minute, on this table only; the launcher comes to each database at once. */
const TABLE = `
  create table busy (id int primary key, v text) with
    (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1, fillfactor = 10);
  insert into busy select g, repeat('x', 700) from generate_series(1, 600) as g;
  create table scratch (v int)`;

/** More transaction ids than autovacuum_freeze_max_age: each of these writes has one of its own. */
const BURN = `
  do $$ begin
    for i in 1..110000 loop
      begin
        insert into scratch values (i);
      exception when others then
        raise;
      end;
    end loop;
  end $$`;

const VACUUM = `
  select a.pid
    from pg_stat_activity as a
    join pg_locks as l on l.pid = a.pid and l.relation = 'busy'::regclass and l.mode = 'ShareUpdateExclusiveLock' and l.granted
   where a.backend_type = 'autovacuum worker'
     and a.query like 'autovacuum: VACUUM%busy (to prevent wraparound)'`;

test('with a long reader and an anti-wraparound vacuum no writer waits longer than lock_timeout while add-table tries', async () => {
  await using cluster = await startCluster(15, {
    settings: {
      autovacuum: 'on',
      autovacuum_naptime: '1s',
      autovacuum_freeze_max_age: '100000',
      autovacuum_vacuum_cost_delay: '0',
    },
  });
  const database = await freshDatabaseOn(cluster, 'root');
  const root = new CommandNode('root', database, { lockTimeoutMs: LOCK_TIMEOUT });
  await root.must('create-root', ['root', root.conninfo]);
  await root.query(TABLE);
  await root.query(BURN);
  await using reader = await root.database.application();
  await reader.execute('begin');
  await reader.query('select count(*) from busy');
  await waitUntil('the vacuum that prevents wraparound holds the table', async () => {
    return (await root.query(VACUUM)).length > 0;
  });

  await using watcher = await root.database.application();
  const adding = root.run('add-table', ['busy']);
  let isOver = false;
  void adding.finally(() => {
    isOver = true;
  });
  const writing = Promise.allSettled(
    Array.from({ length: 3 }, (_, number) => write(root, number, () => isOver)),
  );
  let mostWaiting = 0;
  await waitUntil('add-table is over', async () => {
    // Writers that stand in the queue behind the request of add-table, which stands behind the vacuum.
    const { waiting } = await watcher.one<{ waiting: number }>(
      `select count(*)::int as waiting from pg_locks as l
        where l.relation = 'busy'::regclass and l.mode = 'RowExclusiveLock' and not l.granted
          and exists (select from pg_locks as a where a.relation = l.relation and not a.granted
                         and a.mode = 'ShareRowExclusiveLock' and a.pid = any (pg_blocking_pids(l.pid)))`,
    );
    mostWaiting = Math.max(mostWaiting, waiting);
    return isOver;
  });
  const outcome = await adding;
  // Each write was done: none has met its own lock_timeout.
  for (const writer of await writing)
    expect(writer).toEqual({ status: 'fulfilled', value: expect.any(Number) });
  expect(mostWaiting).toBeGreaterThan(0);
  expect(outcome).toMatchObject({
    code: 'PC208',
    message: expect.stringContaining('autovacuum: VACUUM'),
  });
  // It did not give way, neither to add-table nor to the writers.
  expect(await root.query(VACUUM)).toHaveLength(1);
  expect(await root.query('select 1 from pgcascade.capture_plan')).toEqual([]);
});

/** Writes to the table until it is told to stop, as an application that never waits longer than its limit. */
async function write(root: CommandNode, number: number, isOver: () => boolean): Promise<number> {
  await using session = await root.database.application();
  await session.execute(`set lock_timeout = ${WRITER_LIMIT}`);
  let count = 0;
  while (!isOver()) {
    await session.query("update busy set v = 'changed' where id = $1", [1 + number]);
    count++;
    await sleep(10);
  }
  return count;
}
