import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TestNode } from '../support/test-node.js';
import { openTree } from '../support/tree.js';
import { waitUntilSeen } from '../support/wait-until.js';

const TABLES = `
create table public.a (id int primary key, n int);
create table public.sales (id int primary key, at date);
create table public.parted (id int primary key, place int)`;
const SUBSCRIBER = `
create table public.a (id int primary key, n int);
create table public.sales (id int primary key, at date);
create table public.parted (id int primary key, place int) partition by range (id);
create table public.part partition of public.parted for values from (0) to (1000);
alter table public.part add constraint place_key unique (place) deferrable;
create table public.here (id int primary key, a_id int constraint here_a references public.a)`;
const TRIGGERS = `
create table public.audit (what text);
create function public.note() returns trigger language plpgsql as $$
begin
  insert into public.audit values (tg_table_name || ' ' || tg_name);
  return new;
end $$;
create trigger noted after insert on public.a for each row execute procedure public.note();
create trigger noted after insert on public.sales for each row execute procedure public.note()`;

async function audit(node: TestNode): Promise<string[]> {
  const rows = await node.query<{ what: string }>('select distinct what from public.audit order by 1');
  return rows.map(({ what }) => what);
}

/** The user's triggers and rules, with how they are enabled. */
async function acting(node: TestNode): Promise<string[]> {
  const rows = await node.query<{ line: string }>(`
    select tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text as line from pg_trigger
     where tgfoid = 'public.note'::regproc
    union all
    select ev_class::regclass || ' ' || rulename || ' ' || ev_enabled::text from pg_rewrite
     where rulename = 'doubled' order by 1`);
  return rows.map(({ line }) => line);
}

test('without the right, what acts is met before a script and in the parts that a batch makes, and a late violation parks its table', async () => {
  await using tree = await openTree({
    nodes: { root: { major: 15 }, leaf: { major: 18, provider: 'root', role: 'plain' } },
  });
  const [root, leaf] = [tree.node('root'), tree.node('leaf')];
  await root.query(`${TABLES}; ${TRIGGERS}; insert into public.sales values (1, '2026-01-05')`);
  await leaf.query(
    `set role plain; ${SUBSCRIBER}; ${TRIGGERS};
     create rule doubled as on insert to public.sales do also insert into public.audit values ('rule'); reset role`,
  );
  const dispatch = ['--handler=dispatch', '--handler-arg=part_mode=date_field', '--handler-arg=period=month'];
  await root.prepare('add-table', 'public.a', 'public.sales', 'public.parted');
  await leaf.prepare('add-table', 'public.a', 'public.parted');
  await leaf.prepare('add-table', 'public.sales', ...dispatch, '--handler-arg=part_field=at');
  await tree.caughtUp(root, [leaf]);

  // One part was made by the copy, one is by a batch.
  await root.query("insert into public.sales values (2, '2026-02-05')");
  await tree.caughtUp(root, [leaf]);
  expect(await leaf.query('select id from public.sales order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  expect(await audit(leaf)).toEqual([]);

  // Rows and a script in one batch; the trigger is made when the worker has looked. One saved key cannot be made.
  const execute = async (name: string, sql: string) => {
    await writeFile(join(tree.folder, name), sql);
    await root.prepare('execute', join(tree.folder, name));
  };
  await leaf.query(
    `set role plain; create trigger late after insert on public.a for each row execute procedure public.note(); reset role;
     insert into londiste.pending_fkeys values ('public.here', 'public.a', 'broken',
       'alter table only public.here add constraint broken foreign key (nothing) references public.a')`,
  );
  await root.ticker?.stop();
  await root.query('insert into public.a values (1, 1)');
  await execute('disable.sql', 'alter table public.a disable trigger noted');
  await root.query('insert into public.a values (2, 2)');
  root.startTicker();
  await tree.caughtUp(root, [leaf]);
  expect(await leaf.query('select id from public.a order by id')).toEqual([{ id: 1 }, { id: 2 }]);
  expect(await audit(leaf)).toEqual([]);
  expect(leaf.worker?.stderr).toMatch(/Script ran without a foreign key/);
  expect((await leaf.must('status')).stdout).toContain('not in force: foreign key "broken" of public.here');

  // A deferrable key of a partition, which a row of the subscriber's own breaks; and a script in the same batch.
  await leaf.query(
    `set session_replication_role = replica; insert into public.parted values (50, 5); reset session_replication_role`,
  );
  await root.ticker?.stop();
  await root.query('insert into public.parted values (5, 5)');
  await execute('more.sql', 'alter table public.a add column more int');
  root.startTicker();
  await waitUntilSeen(
    'public.parted is parked',
    () => leaf.query('select table_name, error_code from pgcascade.table_error'),
    (seen) => JSON.stringify(seen) === '[{"table_name":"public.parted","error_code":"PC402"}]',
  );
  await root.query('insert into public.a values (3, 3, 3)');
  await waitUntilSeen(
    'the other table goes on',
    () => leaf.query('select more from public.a where id = 3'),
    (seen) => seen.length === 1,
  );
  await leaf.query("delete from londiste.pending_fkeys where fkey_name = 'broken'");

  // The role gets the right: what is off is what the script has disabled.
  await leaf.stopWorker();
  await leaf.query('grant set on parameter session_replication_role to plain');
  try {
    leaf.startWorker();
    const all = ['a late O', 'a noted D'];
    for (const table of ['sales', 'sales_2026_01', 'sales_2026_02']) {
      all.push(`${table} doubled O`, `${table} noted O`);
    }
    await waitUntilSeen(
      'all is back',
      async () => ({
        acting: await acting(leaf),
        left: await leaf.query(
          'select table_name from pgcascade.taken_off union all select table_name from pgcascade.put_back_error',
        ),
        log: leaf.worker?.stderr.slice(-1_500),
      }),
      (seen) => JSON.stringify(seen.acting) === JSON.stringify(all) && seen.left.length === 0,
    );
  } finally {
    await leaf.query('revoke set on parameter session_replication_role from plain');
  }
});
