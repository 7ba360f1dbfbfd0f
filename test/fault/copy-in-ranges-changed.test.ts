import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';
import { waitUntilSeen } from '../support/wait-until.js';

const PLAIN = ['deferred', 'filtered', 'rewritten', 'truncated', 'scripted', 'reset', 'removed'];
const NAMES = [...PLAIN, 'partitioned'];
const columns = '(id int primary key, v text, note text)';
const ON_ROOT = NAMES.map((name) => `create table public.${name} ${columns}`).join(';');
const ON_LEAF = `${PLAIN.map((name) => `create table public.${name} ${columns}; create index ${name}_v on public.${name} (v)`).join(';')};
  alter table public.deferred add constraint deferred_note unique (id, note) deferrable;
  create index scripted_note on public.scripted (note);
  create table public.parted (note text, id int primary key, v text) partition by range (id);
  create table public.parted_low partition of public.parted for values from (minvalue) to (4000);
  create table public.parted_high partition of public.parted for values from (4000) to (maxvalue);`;
const ROWS = NAMES.map(
  (name) =>
    `insert into public.${name} select g, 'row ' || g, repeat('n', 20) from generate_series(1, 9000) as g`,
).join(';');

/** What each table goes through while nobody copies it. */
const changes = (suffix: string) =>
  NAMES.map(
    (name) => `
      update public.${name} set v = v || '${suffix}, long enough to be moved to another page' where id % 30 = 0;
      update public.${name} set id = id + 20000 where id % 100 = 1 and id < 9000;
      delete from public.${name} where id % 45 = 2;
      insert into public.${name} select g, '${suffix}' || g from generate_series(30000, 30200) as g
          on conflict (id) do nothing`,
  ).join(';');

test('what happens to a table while its copy in ranges is interrupted is here in the end', async () => {
  await using chain = await openChain({ from: 18, to: 18, ini: ['copy_split_size = 64kB'] });
  const { root, leaf } = chain;
  await root.query(`${ON_ROOT};${ROWS}`);
  await leaf.query(ON_LEAF);
  // It is older than its provider, and has run what that never saw.
  await leaf.query(
    "insert into londiste.applied_execute (queue_name, execute_file, execute_sql) values ('app', 'old.sql', 'select 1')",
  );
  await leaf.stopWorker();
  const ini = join(chain.folder, leaf.ini);
  const settings = await readFile(ini, 'utf8');
  await writeFile(
    ini,
    `${settings.replace('parallel_copies = 4', 'parallel_copies = 8')}\ncopy_rate_limit = 300kB\n`,
  );
  await root.must('add-table', '--all');
  const others = PLAIN.filter((name) => name !== 'filtered');
  await leaf.must('add-table', ...others.map((name) => `public.${name}`));
  await leaf.must('add-table', 'public.filtered', '--handler=plain', '--handler-arg=where=id % 2 = 0');
  await leaf.must('add-table', 'public.partitioned', '--dest-table=public.parted');
  leaf.startWorker();
  await waitUntilSeen(
    'each table has a range that is here',
    () =>
      leaf.query<{ ranges: bigint }>('select count(distinct copy_id) as ranges from pgcascade.copied_range'),
    ([seen]) => seen?.ranges === 8n,
  );
  await leaf.killWorker();
  await root.query(changes('first'));
  await root.query('vacuum full public.rewritten');
  await root.query(
    "truncate public.truncated; insert into public.truncated select g, 'anew' from generate_series(1, 9000) as g",
  );
  await leaf.must('resync', 'public.reset');
  await leaf.must('remove-table', 'public.removed');
  const [removed] = await leaf.query<{ rows: bigint; index: string | null }>(
    `select (select count(*) from public.removed) as rows, to_regclass('public.removed_v')::text as index`,
  );
  expect(removed).toEqual({ rows: 0n, index: 'removed_v' });
  await writeFile(
    join(chain.folder, 'more.sql'),
    `alter table public.scripted add column more text default 'scripted'; alter table public.scripted drop column note; update public.scripted set more = 'by the script' where id < 100;`,
  );
  await root.must('execute', 'more.sql');
  await root.query(changes('second'));
  await writeFile(ini, settings);

  const worker = leaf.startWorker();
  await root.query(changes('third'));
  await leaf.must('wait-sync');
  await chain.caughtUp();
  expect((await leaf.must('compare')).stdout).toContain('all equal');
  const goneOn = worker.stderr
    .split('\n')
    .filter((line) => line.includes('Copy goes on'))
    .map((line) => /"table":"public\.(\w+)"/.exec(line)?.[1])
    .sort();
  expect(goneOn).toEqual(['deferred', 'filtered', 'partitioned']);
  const indexes = await leaf.query<{ name: string }>(
    "select relname::text as name from pg_class where relkind = 'i' and relname like '%_v' order by 1",
  );
  expect(indexes.map(({ name }) => name)).toEqual(PLAIN.map((name) => `${name}_v`).sort());
  expect(await leaf.query('select * from pgcascade.ranged_copy')).toEqual([]);
});
