import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Chain, openChain } from '../support/chain.js';
import { expectExit } from '../support/programs.js';
import { waitUntil, waitUntilSeen } from '../support/wait-until.js';

const TABLES = `create table public.counted (id int primary key, n int not null, old_name text);
  create table public.log (v text);`;
const ROWS = `insert into public.counted select g, g, 'x' from generate_series(1, 100) as g`;

async function execute(chain: Chain, name: string, sql: string): Promise<void> {
  await writeFile(join(chain.folder, name), sql);
  await chain.root.must('execute', name);
}

/** Starts the leaf's worker with failpoints. */
function startLeaf(chain: Chain, failpoints: string) {
  return chain.leaf.startWorker({ PGCASCADE_FAILPOINTS: failpoints });
}

async function expectEqual(chain: Chain): Promise<void> {
  await chain.caughtUp();
  expect(await chain.differences()).toEqual([]);
}

test('a worker that is killed around a script runs it once', { timeout: 120_000 }, async () => {
  await using chain = await openChain({ from: 14, to: 16, tables: TABLES, rows: ROWS });
  for (const failpoint of ['script-applied', 'worker-before-commit', 'worker-after-commit']) {
    await chain.leaf.stopWorker();
    const doomed = startLeaf(chain, `${failpoint}=exit`);
    await chain.root.query("insert into public.log values ('before')");
    await execute(
      chain,
      `${failpoint}.sql`,
      `update counted set n = n * 2; insert into log values ('script'); alter table log add "${failpoint}" int default 7`,
    );
    await chain.root.query("update public.counted set n = n + 1; insert into public.log values ('after')");
    expect((await doomed.ended).signal, failpoint).toBe('SIGKILL');
    chain.leaf.startWorker();
    await expectEqual(chain);
  }
  expect(await chain.leaf.query('select count(*)::int as c from public.log')).toEqual([{ c: 9 }]);
  const left = await chain.leaf.query(
    "select 1 from pg_attribute where attrelid = 'public.log'::regclass and attnum > 0",
  );
  expect(left).toHaveLength(4);
});

test('a script that a node cannot run holds it until the node is mended or the script is skipped there', {
  timeout: 120_000,
}, async () => {
  await using chain = await openChain({ from: 16, to: 14, tables: TABLES, rows: ROWS });
  const { root, leaf } = chain;
  const leafError = (pattern: RegExp) =>
    waitUntilSeen(
      `the leaf says ${pattern.source}`,
      () => leaf.position('app'),
      ({ error }) => pattern.test(error ?? ''),
    );

  await root.query('create table public.only_root (id int)');
  await execute(chain, 'one.sql', 'alter table counted add x int;\nalter table only_root add y int');
  await leafError(/^one\.sql, line 2 \(statement 2\): relation "only_root" does not exist\.$/);
  expect((await leaf.run('status')).stdout).toContain('one.sql, line 2');
  await leaf.query('create table public.only_root (id int)');
  await root.query('update public.counted set x = id');
  await expectEqual(chain);

  await root.query('create table public.also_root (id int)');
  await execute(chain, 'two.sql', 'alter table counted drop column x; alter table also_root add z int');
  await leafError(/"also_root" does not exist/);
  await leaf.query('alter table public.counted drop column x');
  await leaf.must('execute', '--skip', 'two.sql');
  await root.query("insert into public.counted values (500, 1, 'new')");
  await root.query('drop table public.also_root');
  await expectEqual(chain);
  expect((await leaf.position('app')).error).toBeNull();

  // Who reads on the leaf is not disturbed for long, and is named.
  await using reader = await leaf.application();
  await reader.execute('begin; select * from public.counted');
  await execute(chain, 'three.sql', 'alter table counted alter n type bigint');
  await leafError(/three\.sql, line 1 \(statement 1\) does not get a lock/);
  await reader.execute('commit');
  await expectEqual(chain);
});

test('a script finds a table that is being copied as the source had it', { timeout: 120_000 }, async () => {
  await using chain = await openChain({ from: 15, to: 15, tables: 'create table public.log (v text)' });
  const { root, leaf } = chain;
  for (const node of [root, leaf]) await node.query(TABLES.split(';')[0] as string);
  await root.query(ROWS);
  await root.must('add-table', 'counted');
  await leaf.must('wait-root');

  // The copy sees the source behind the script, and the worker is still before it.
  await leaf.stopWorker();
  await root.query("insert into public.log values ('held back here')");
  await nextTick(chain);
  await execute(chain, 'ahead.sql', 'update counted set n = n * 2');
  await leaf.must('add-table', 'counted');
  let worker = startLeaf(chain, 'worker-block-applied=sleep:1500');
  await waitUntil('the copy waits', () => /The copy waits until .*ahead\.sql/.test(worker.stderr));
  await leaf.must('wait-sync');
  await expectEqual(chain);

  // The table was copied before the script, and has not caught up when the worker comes to it.
  expectExit((await leaf.stopWorker()) as never);
  await root.query("update public.counted set old_name = 'old'");
  await leaf.must('resync', 'counted');
  worker = startLeaf(chain, 'copy-committed=sleep:3000');
  await waitUntil('the copy is committed', async () =>
    /catching-up/.test((await leaf.position('app')).notReady ?? ''),
  );
  for (let i = 0; i < 5; i++) {
    await root.query(`update public.counted set old_name = 'event', n = n + 1 where id <= 10`);
    await nextTick(chain);
  }
  await execute(
    chain,
    'behind.sql',
    'alter table counted rename old_name to new_name; update counted set n = n * 3',
  );
  await root.query("update public.counted set new_name = 'after' where id = 3");
  await waitUntil('the script waits', () => /behind\.sql waits until/.test(worker.stderr));
  await leaf.must('wait-sync');
  await expectEqual(chain);
});

/** Waits for one more tick on the root. */
async function nextTick({ root }: Chain): Promise<void> {
  const newest = async () => {
    const [row] = await root.query<{ id: bigint }>('select max(tick_id) as id from pgq.tick');
    return row?.id ?? 0n;
  };
  const before = await newest();
  await root.query("select pgq.force_tick('app')");
  await waitUntil('a tick is made', async () => (await newest()) > before);
}
