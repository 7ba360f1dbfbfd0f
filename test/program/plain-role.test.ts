import { expect, test } from 'vitest';
import { bareCluster, freshDatabaseOn } from '../support/cluster.js';
import { findDifferences } from '../support/differences.js';
import { type HowtoDatabase, openHowto, PIDFILES } from '../support/howto.js';

const TABLES = `
create table t (id serial primary key, t text);
create table child (id integer primary key, t_id integer references t (id) on delete cascade);
create table without_key (n integer);
`;

test('a role that only owns the database is enough on the root and on the leaf', async () => {
  await using old = await freshDatabaseOn(await bareCluster(13), 'old');
  await using fresh = await freshDatabaseOn(await bareCluster(18), 'new');
  for (const database of [old, fresh]) {
    await database.query(`do $$ begin
      if not exists (select from pg_roles where rolname = 'plain') then create role plain login; end if; end $$`);
    await database.query(`alter database "${database.name}" owner to plain`);
    await database.query('grant all on schema public to plain');
    await database.query(`set role plain; ${TABLES}; reset role`);
  }
  const [plainOld, plainFresh] = [old, fresh].map(({ name, conninfo, url }) => ({
    name,
    conninfo: conninfo.replace('user=postgres', 'user=plain'),
    url: url.replace('postgres@', 'plain@'),
  })) as [HowtoDatabase, HowtoDatabase];

  await using howto = await openHowto();
  await howto.writeFiles(plainOld, plainFresh, { ticker: 'ticker', worker: 'replicate' });
  await howto.type('ticker', '-d', 'ticker.ini');
  await howto.type('replicate', 'master.ini', 'create-root', 'master', plainOld.conninfo);
  await howto.type('replicate', '-d', 'master.ini', 'worker');
  const provider = `--provider=${plainOld.conninfo}`;
  await howto.type('replicate', 'slave.ini', 'create-leaf', 'slave', plainFresh.conninfo, provider);
  await howto.type('replicate', '-d', 'slave.ini', 'worker');
  for (const pidfile of PIDFILES) howto.daemons.add(pidfile);
  await old.query(
    "insert into t (t) select 'row ' || i from generate_series(1, 100) i; insert into without_key values (1), (1)",
  );
  for (const ini of ['master.ini', 'slave.ini']) {
    await howto.type('replicate', ini, 'add-table', '--all');
    await howto.type('replicate', ini, 'add-seq', '--all');
  }
  await howto.type('replicate', 'slave.ini', 'wait-sync');
  await old.query(
    'insert into child select id, id from t; delete from t where id % 2 = 0; update without_key set n = n + 1',
  );
  await howto.type('replicate', 'slave.ini', 'wait-root');
  await howto.type('replicate', 'slave.ini', 'compare');
  await using left = await old.connect();
  await using right = await fresh.connect();
  expect(await findDifferences(left, right)).toEqual([]);
});
