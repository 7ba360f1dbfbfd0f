import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openChain } from '../support/chain.js';

const TABLES = `create table public.one (id serial primary key, v text); create table public.two (id integer primary key, v text);
create table public.child (id integer primary key, one_id integer references public.one (id) on delete cascade);`;
const ROWS = `insert into public.one (v) select 'row ' || g from generate_series(1, 200) as g;
insert into public.two select g, 'row ' || g from generate_series(1, 200) as g; insert into public.child values (1, 1)`;

test('compare writes differences, looks at them again, counts sequences, and status tells when it was', async () => {
  await using chain = await openChain({ from: 18, to: 18, tables: TABLES, rows: ROWS });
  const { leaf, root } = chain;
  expect((await leaf.mustProgram('compare')).stdout).toMatch(
    /3 tables and 1 sequence compared at tick \d+: all equal/,
  );
  expect((await leaf.mustProgram('status')).stdout).toMatch(/Compared: 4 equal, last at \d/);

  await leaf.query(`set session_replication_role = replica; update public.one set v = 'x' where id = 7;
    delete from public.two where id = 9; update public.two set v = 'y' where id = 10; reset session_replication_role`);
  const found = await leaf.runProgram('compare', '--differences', 'found.jsonl');
  expect(found.exitCode).toBe(2);
  const lines = (await readFile(join(chain.folder, 'found.jsonl'), 'utf8')).trim().split('\n');
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(
    expect.arrayContaining([
      { table: 'public.one', kind: 'changed', key: ['7'] },
      { table: 'public.two', kind: 'missing', key: ['9'] },
      { table: 'public.two', kind: 'changed', key: ['10'] },
    ]),
  );
  const status = (await leaf.mustProgram('status')).stdout;
  expect(status).toMatch(/Compared: 2 equal, 2 DIFFERENT, last at/);
  expect(status).toMatch(/public\.two: different \(1 changed, 1 missing\) at tick \d+/);
  const json = JSON.parse((await leaf.mustProgram('status', '--json')).stdout) as {
    entries: { name: string; compared?: { name: string; verdict: string; tick: unknown }[] }[];
  };
  const compared = json.entries.find(({ name }) => name === 'leaf')?.compared;
  expect(compared?.map(({ name, verdict }) => [name, verdict])).toEqual([
    ['public.child', 'equal'],
    ['public.one', 'different'],
    ['public.one_id_seq', 'equal'],
    ['public.two', 'different'],
  ]);

  // The row is written again, so it is mended by the time of a second look; the missing one is not.
  await root.query("update public.one set v = 'z' where id = 7");
  await chain.caughtUp();
  const again = await leaf.runProgram('compare', '--recheck', '--differences', 'again.jsonl');
  expect(again.exitCode).toBe(2);
  expect(again.stdout).toContain('public.one: equal');
  expect(again.stdout).toMatch(/missing on the subscriber: 1 row, key 9/);
  expect((await readFile(join(chain.folder, 'again.jsonl'), 'utf8')).trim().split('\n')).toHaveLength(2);

  const sample = await leaf.mustProgram('compare', 'one', 'child', '--sample', '50%');
  expect(sample.stdout).toMatch(/2 tables compared at tick \d+ \(a sample of 50 %\): all equal/);
  expect((await leaf.mustProgram('compare', 'two', '--where', 'id > 10')).stdout).toContain(
    '(rows of a condition)',
  );
  expect((await leaf.runProgram('compare', 'two', '--sample', '0')).exitCode).toBe(1);

  const unknown = await leaf.runProgram('compare', 'one', 'nothing');
  expect(unknown.exitCode).toBe(1);
});

test('check finds nothing on a leaf at work, then what somebody changed, and ends as it found it', async () => {
  await using chain = await openChain({ from: 18, to: 18, tables: TABLES, rows: ROWS });
  const { leaf, root } = chain;
  expect((await leaf.mustProgram('check')).stdout).toBe(
    '3 tables and 1 sequence of "leaf" checked against "root": nothing blocks and nothing differs\n',
  );
  expect((await root.mustProgram('check')).stdout).toMatch(
    /3 tables and 1 sequence of "root" checked: nothing is in the way/,
  );
  await leaf.query('alter table public.two alter v type varchar(10); alter table public.child add more int');
  const found = await leaf.runProgram('check');
  expect(found.exitCode).toBe(2);
  expect(found.stdout.trim().split('\n')).toEqual([
    'public.child',
    expect.stringMatching(/^ {2}differs {2}column more \(integer\) is on "leaf" only/),
    '           on "leaf": ALTER TABLE "public"."child" DROP COLUMN "more";',
    'public.two',
    expect.stringMatching(/^ {2}BLOCKS {3}column v is text on "root" and character varying\(10\) on "leaf"/),
    '           on "leaf": ALTER TABLE "public"."two" ALTER COLUMN "v" TYPE text USING "v"::text;',
    '3 tables and 1 sequence of "leaf" checked against "root": 1 block, 1 differ',
  ]);
  expect((await leaf.mustProgram('check', '--except=two', '--except', 'chi*')).stdout).toMatch(
    /^1 table and 1 sequence/,
  );
  expect((await leaf.runProgram('check', 'one', 'nothing')).exitCode).toBe(3);
  expect((await leaf.runProgram('check', 'one', '--all')).exitCode).toBe(1);
  expect(JSON.parse((await leaf.runProgram('check', '--json')).stdout)).toMatchObject({
    blocks: 1,
    differs: 1,
  });
});

test('fkeys prints statements that drop and make the foreign keys of replicated tables', async () => {
  await using chain = await openChain({ from: 10, to: 18, tables: TABLES, rows: ROWS });
  await chain.root.query('create table public.other (id integer primary key references public.two (id))');
  const { stdout } = await chain.root.mustProgram('fkeys');
  expect(stdout.trim().split('\n')).toEqual([
    'alter table only public.child drop constraint child_one_id_fkey;',
    'alter table only public.other drop constraint other_id_fkey;',
    '',
    'alter table only public.child add constraint child_one_id_fkey FOREIGN KEY (one_id) REFERENCES public.one(id) ON DELETE CASCADE;',
    'alter table only public.other add constraint other_id_fkey FOREIGN KEY (id) REFERENCES public.two(id);',
  ]);
  const one = (await chain.root.mustProgram('fkeys', 'one', '--drop')).stdout.trim();
  expect(one).toBe('alter table only public.child drop constraint child_one_id_fkey;');
});
