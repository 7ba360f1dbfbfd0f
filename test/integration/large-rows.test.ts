import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openTree } from '../support/tree.js';
import { waitUntilSeen } from '../support/wait-until.js';

const TABLES = `
    create table doc (id int primary key, body text, raw bytea, "odd $1 ""name" text);
    create table heap (body text, n int);
    create table part (id int primary key, body text, n int);
    create table backed (id int primary key, body text);
    create table small (id int primary key, doc_id int);`;

/** 1.2 million characters that do not compress well and need escaping in JSON and in COPY. */
const TEXT = `(select string_agg(md5(i::text) || E'"\\\\\\n\\t\\u00e9', '' order by i) from generate_series(1, 33000) as i)`;

test('rows larger than the worker holds reach a branch and its leaf', async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 10 },
      branch: { major: 18, provider: 'root', isBranch: true },
      leaf: { major: 13, provider: 'branch' },
    },
    tables: TABLES,
  });
  const [root, branch, leaf] = [tree.node('root'), tree.node('branch'), tree.node('leaf')];
  // A branch that has to look into the rows hands them on all the same.
  await branch.must('change-table', 'public.part', '--conflict', 'ignore-missing');
  await root.must('change-handler', 'public.backed', '--trigger-arg=backup');
  const application = await root.application();
  await application.execute(`
        begin;
        insert into part values (1, ${TEXT}, 1), (2, 'short', 2);
        update part set n = 3;
        insert into backed values (1, 'short'), (2, ${TEXT});
        update backed set body = body || body;
        insert into small values (1, 1);
        insert into doc values (3, 'short', null, null), (4, ${TEXT}, null, null);
        insert into doc values (1, ${TEXT}, null, 'a'), (2, 'short', decode(repeat('00ff', 700000), 'hex'), ${TEXT});
        insert into small values (2, 2);
        insert into heap values (${TEXT}, 1), ('short', 2);
        commit;
        begin;
        update doc set body = body || 'x' where id = 1;
        update doc set body = 'short again', raw = null, "odd $1 ""name" = null where id = 2;
        update heap set n = n + 1;
        update small set doc_id = 3 where id = 1;
        commit;
        update doc set id = 7 where id = 1;
        delete from heap where n = 2;
        insert into doc values (8, ${TEXT}, null, null);
        delete from doc where id = 7;`);
  await tree.caughtUp(root, [branch, leaf], 120_000);
  expect(await tree.differences(root, branch)).toEqual([]);
  expect(await tree.differences(branch, leaf)).toEqual([]);
  const { count } = await application.one<{ count: bigint }>(
    'select count(*) from doc where length(body) > 1000000',
  );
  expect(count).toBe(2n);

  // A script ends with its temporary tables gone, and ours stood among them.
  await root.query("select pgq.set_queue_config('app', 'ticker_paused', 'true')");
  await application.execute(`insert into doc values (20, ${TEXT}); insert into small values (20, 1)`);
  await writeFile(
    join(tree.folder, 'more.sql'),
    'create temp table own (n int); alter table public.small add more int;\n',
  );
  await root.must('execute', join(tree.folder, 'more.sql'));
  await application.execute(`insert into small values (21, 1, 1); insert into doc values (21, ${TEXT})`);
  await writeFile(join(tree.folder, 'skipped.sql'), '--*-- Local-Table: public.nowhere\nselect 1;\n');
  await root.must('execute', join(tree.folder, 'skipped.sql'));
  await application.execute(`insert into doc values (22, ${TEXT})`);
  await root.query("select pgq.set_queue_config('app', 'ticker_paused', 'false')");
  await tree.caughtUp(root, [branch, leaf], 120_000);
  expect(await tree.differences(root, branch)).toEqual([]);
  expect(await tree.differences(branch, leaf)).toEqual([]);
  await application.close();
});

test('a large row that the leaf has already parks its table only, and a missing one is left out where that is wanted', async () => {
  await using tree = await openTree({
    nodes: { root: { major: 15 }, leaf: { major: 15, provider: 'root' } },
    tables: TABLES,
  });
  const [root, leaf] = [tree.node('root'), tree.node('leaf')];
  await leaf.must('change-table', 'public.part', '--conflict', 'ignore-missing');
  const behind = await leaf.connect();
  await behind.execute(`set session_replication_role = replica; insert into public.doc values (5, 'own')`);
  const application = await root.application();
  await application.execute(`
      insert into part values (1, 'x', 1);
      insert into small values (1, 1)`);
  await tree.caughtUp(root, [leaf]);
  await behind.execute('delete from public.part');
  await application.execute(`
      begin;
      update part set body = ${TEXT};
      insert into part values (2, ${TEXT}, 2);
      insert into doc values (5, ${TEXT});
      insert into doc values (6, ${TEXT});
      insert into small values (2, 2);
      commit`);
  const state = await waitUntilSeen(
    'the table is parked',
    () =>
      behind.query<{ error_code: string; message: string }>(
        `select error_code, message from pgcascade.table_error where table_name = 'public.doc'`,
      ),
    (rows) => rows.length === 1,
  );
  expect(state[0]).toMatchObject({
    error_code: 'PC402',
    message: 'The table refuses the row (SQLSTATE 23505, constraint doc_pkey).',
  });
  await waitUntilSeen(
    'the other tables go on',
    () => behind.query<{ id: number }>('select id from public.small order by id'),
    (rows) => rows.length === 2,
  );
  expect(await behind.query('select id, length(body) > 1000000 as large from public.part')).toEqual([
    { id: 2, large: true },
  ]);
  await leaf.must('resync', 'public.doc');
  await tree.caughtUp(root, [leaf]);
  expect((await tree.differences(root, leaf)).filter((line) => !line.includes('part'))).toEqual([]);
  await application.close();
  await behind.close();
});
