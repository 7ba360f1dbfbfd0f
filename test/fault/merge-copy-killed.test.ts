import { expect, test } from 'vitest';
import { openShards } from '../support/shards.js';
import { waitUntil } from '../support/wait-until.js';

/** Keys of shard n end in n; the log has no key. */
const TABLES = `
  create table public.item (id bigint primary key, v text, n int not null default 0);
  create index item_v on public.item (v);
  create table public.detail (id bigint primary key, item_id bigint references public.item on delete cascade);
  create table public.log (shard int, text text);`;

function rows(shard: number): string {
  return `
    insert into public.item select g * 10 + ${shard}, 'row ' || g from generate_series(1, 3000) as g;
    insert into public.detail select g * 10 + ${shard}, g * 10 + ${shard} from generate_series(1, 1000) as g;
    insert into public.log select ${shard}, 'old' from generate_series(1, 50);`;
}

function write(shard: number, round: number): string {
  const id = (10_000 + round) * 10 + shard;
  return `
    insert into public.item values (${id}, 'new', ${round});
    insert into public.detail values (${id}, ${id});
    update public.item set n = n + 1 where id % 700 = ${(round * 10 + shard) % 700};
    delete from public.item where id = ${round * 10 + shard};
    insert into public.log values (${shard}, 'same'), (${shard}, 'same');`;
}

test('two shards meet in one table under writes, whichever worker is killed at whatever step of a copy', {
  timeout: 300_000,
}, async () => {
  await using shards = await openShards({ from: [10, 15], to: 18, tables: TABLES, rows });
  const [one, two] = [shards.shard(1).leaf, shards.shard(2).leaf];
  shards.startWriting(write);

  const refused = await one.run('add-table', '--all');
  expect(refused).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('--merge-all') });
  await one.must('add-table', '--all', '--merge-all');
  for (const { leaf } of shards.shards) await leaf.must('wait-sync');

  for (const [first, second] of [
    ['copy-emptied', 'copy-emptied'],
    ['copy-snapshot-taken', 'copy-data-written'],
    ['copy-committed', 'copy-snapshot-taken'],
  ]) {
    for (const { leaf } of shards.shards) await leaf.stopWorker();
    await two.must('resync', 'item', 'log');
    one.startWorker({ PGCASCADE_FAILPOINTS: `${first}=exit` });
    two.startWorker({ PGCASCADE_FAILPOINTS: `${second}=exit` });
    await waitUntil('a worker is killed', () => !one.worker?.isRunning || !two.worker?.isRunning);
    for (const { leaf } of shards.shards) await leaf.killWorker();
    for (const { leaf } of shards.shards) leaf.startWorker();
    await shards.caughtUp();
  }
  await shards.stopWriting();
  await shards.caughtUp();
  for (const table of ['public.item', 'public.detail', 'public.log']) await shards.expectUnion(table);

  await waitUntil('the foreign key is back', async () => {
    const [seen] = await one.query<{ valid: bigint }>(
      `select count(*) as valid from pg_constraint where contype = 'f' and convalidated
          and connamespace = 'public'::regnamespace and not exists (select from londiste.pending_fkeys)`,
    );
    return seen?.valid === 1n;
  });
  const indexes = await one.query(`select indexname from pg_indexes where tablename = 'item' order by 1`);
  expect(indexes).toEqual([{ indexname: 'item_pkey' }, { indexname: 'item_v' }]);
  expect(await one.query('select * from pgcascade.empty_part')).toEqual([]);
});
