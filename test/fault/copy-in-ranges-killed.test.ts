import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { startReplicate } from '../support/programs.js';
import { waitUntilSeen } from '../support/wait-until.js';

const TABLES = `
  create table public.big (id int primary key, slot int unique, v text, note text);
  create index big_v on public.big (v);
  comment on index public.big_v is 'kept';
  alter table public.big cluster on big_v;
  create index big_note on public.big (note) where note is not null;
  create table public.pairs (a int, b text, n numeric, primary key (b, a));
  create index pairs_n on public.pairs (n);`;
const ROWS = `
  insert into public.big select g, g, 'row ' || g, case when g % 3 = 0 then repeat('x', 50) end from generate_series(1, 20000) as g;
  insert into public.pairs select g, 'b' || g % 7, g * 1.50 from generate_series(1, 15000) as g; analyze`;

/** Rows that move to other pages, change their keys, swap what is unique, come and go; number `n` touches others than `n + 1`. */
const change = (n: number) => `
  update public.big set v = v || ' and a text that is longer than before, so that the row moves' where id % 50 = ${n};
  update public.big set id = id + 100000 where id % 500 = ${n + 10};
  update public.big set slot = case slot when ${n + 20} then -1 else ${n + 20} end where slot in (${n + 20}, 19000 + ${n});
  update public.big set slot = 19000 + ${n} where slot = -1;
  delete from public.big where id % 70 = ${n};
  insert into public.big select g, g, 'new', null from generate_series(200000 + ${n} * 1000, 200400 + ${n} * 1000) as g;
  update public.pairs set b = b || '!', n = n + 0.10 where a % 40 = ${n};
  delete from public.pairs where a % 90 = ${n + 5};
  insert into public.pairs values (-${n} - 1, 'b1', 1.0);`;
const INDEXES = `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as definition, indisclustered,
    obj_description(indexrelid, 'pg_class') as comment from pg_index where indrelid in ('public.big'::regclass, 'public.pairs'::regclass) order by 1`;

/** Where the worker is killed, one after the other. */
test.each([
  [
    13,
    18,
    [
      'copy-begun=exit',
      'copy-range-written=exit@9',
      'copy-range-committed=exit@8',
      'copy-range-written=exit@5',
      'copy-data-written=exit',
      'copy-index-built=exit@2',
      'copy-committed=exit',
    ],
  ],
  [18, 10, ['copy-range-committed=exit@11', 'copy-range-written=exit@3', 'copy-index-built=exit']],
])(
  'a copy in ranges that is killed again and again while rows change goes on where it was, %i to %i',
  async (from, to, failpoints) => {
    await using chain = await openChain({ from, to, ini: ['copy_split_size = 64kB'] });
    for (const node of [chain.root, chain.leaf]) await node.query(TABLES);
    await chain.root.query(ROWS);
    const before = await chain.root.query(INDEXES);
    await chain.leaf.stopWorker();
    for (const node of [chain.root, chain.leaf]) await node.must('add-table', '--all');

    const finished = () =>
      chain.leaf.query<{ name: string; ranges: number[] }>(
        `select c.table_name as name, array_agg(r.range_no order by r.range_no) as ranges
         from pgcascade.ranged_copy as c join pgcascade.copied_range as r using (copy_id) group by 1 order by 1`,
      );
    let mostKept = 0;
    for (const [n, failpoint] of failpoints.entries()) {
      const before = await finished();
      const doomed = startReplicate([chain.leaf.ini, 'worker'], {
        folder: chain.folder,
        environment: { PGCASCADE_FAILPOINTS: failpoint },
      });
      const { signal, stderr } = await doomed.ended;
      expect(signal).toBe('SIGKILL');
      expect(stderr).not.toContain('Copy failed');
      const now = new Map((await finished()).map(({ name, ranges }) => [name, ranges]));
      // What was here is here, or the whole table is.
      const kept = before.filter(({ name }) => now.has(name));
      for (const { name, ranges } of kept) expect(now.get(name)).toEqual(expect.arrayContaining(ranges));
      mostKept = Math.max(mostKept, kept.flatMap(({ ranges }) => ranges).length);
      await chain.root.query(change(n));
    }
    expect(mostKept).toBeGreaterThanOrEqual(10);
    chain.leaf.startWorker();
    await chain.root.query(change(failpoints.length));
    await chain.leaf.must('wait-sync');
    await chain.caughtUp();
    expect(await chain.differences()).toEqual([]);
    expect(await chain.leaf.query(INDEXES)).toEqual(before);
    expect(await chain.leaf.query('select * from pgcascade.ranged_copy')).toEqual([]);
    expect(await chain.leaf.query('select * from pgcascade.copied_range')).toEqual([]);
    expect(await chain.leaf.query('select * from pgcascade.table_error')).toEqual([]);
  },
);

test('an index that the server goes on building for a killed worker is waited for', async () => {
  await using chain = await openChain({ from: 15, to: 15, ini: ['copy_split_size = 64kB'] });
  const table =
    'create table public.built (id int primary key, v text); create index built_v on public.built (v)';
  for (const node of [chain.root, chain.leaf]) await node.query(table);
  await chain.root.query(
    "insert into public.built select g, 'row ' || g from generate_series(1, 20000) as g; analyze",
  );
  await chain.leaf.stopWorker();
  for (const node of [chain.root, chain.leaf]) await node.must('add-table', '--all');
  const doomed = startReplicate([chain.leaf.ini, 'worker'], {
    folder: chain.folder,
    environment: { PGCASCADE_FAILPOINTS: 'copy-data-written=exit' },
  });
  expect((await doomed.ended).signal).toBe('SIGKILL');
  await using session = await chain.leaf.cluster.application(chain.leaf.database.name);
  await session.execute('begin; create index built_v on public.built (v)');
  const worker = chain.leaf.startWorker();
  await waitUntilSeen(
    'the copy waits for the lock',
    () =>
      chain.leaf.query<{ waits: boolean }>(
        "select exists (select from pg_locks where not granted and relation = 'public.built'::regclass) as waits",
      ),
    ([seen]) => seen?.waits === true,
  );
  expect((await chain.leaf.must('status')).stdout).toMatch(/Copying public.built: .*waits for pid \d+ of/);
  await session.execute('commit');
  await chain.leaf.must('wait-sync');
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
  expect(worker.stderr).toContain('Copy goes on');
  expect(worker.stderr).not.toContain('Copy failed');
});
