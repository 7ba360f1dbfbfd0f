import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';
import { waitUntilSeen } from '../support/wait-until.js';

/** On all nodes. The foreign keys and triggers of a subscriber are its own affair: see SUBSCRIBER. */
const TABLES = `
create table public.a (id int primary key, b_id int, n int);
create table public.b (id int primary key, a_id int);
create table public.tree (id int primary key, parent_id int);
create table public.swapped (id int primary key, place int unique deferrable);
create table public.here (id int primary key, a_id int);
create table public.audit (what text);
create function public.note() returns trigger language plpgsql as $$
begin
  insert into public.audit values (tg_name || ' ' || tg_op);
  return new;
end $$;`;

/** A cycle, a self reference, one from a table that is not replicated, and what doubles data when it acts. */
const SUBSCRIBER = `
alter table public.a add constraint a_b foreign key (b_id) references public.b on delete cascade;
alter table public.b add constraint b_a foreign key (a_id) references public.a;
alter table public.tree add constraint tree_parent foreign key (parent_id) references public.tree;
alter table public.here add constraint here_a foreign key (a_id) references public.a;
create trigger noted after insert or update or delete on public.a for each row execute procedure public.note();
create trigger noted before insert on public.tree for each statement execute procedure public.note();
create trigger silent after insert on public.b for each row execute procedure public.note();
alter table public.b disable trigger silent;
create trigger always after delete on public.b for each row execute procedure public.note();
alter table public.b enable replica trigger always;
create rule doubled as on insert to public.tree do also insert into public.audit values ('rule');`;

const REPLICATED = ['public.a', 'public.b', 'public.tree', 'public.swapped'];

const ROWS = `
insert into public.a select g, g, 0 from generate_series(1, 3000) g;
insert into public.b select g, g from generate_series(1, 3000) g;
insert into public.tree select g, 1001 - g from generate_series(1, 1000) g;
insert into public.swapped values (1, 1), (2, 2), (3, 3);`;

/** Rows that come before those that they refer to, few and many. */
const CHANGES = (from: number, gone: number) => `
insert into public.a values (${from}, ${from}, 0);
insert into public.b values (${from}, ${from});
insert into public.tree values (${from}, ${from + 1});
insert into public.tree values (${from + 1}, ${from});
insert into public.a select g, g, 1 from generate_series(${from + 1}, ${from + 900}) g;
insert into public.b select g, g from generate_series(${from + 1}, ${from + 900}) g;
update public.a set n = n + 1 where id % 7 = 0;
delete from public.b where id between ${gone} and ${gone + 10};
delete from public.a where id between ${gone} and ${gone + 10};
update public.swapped set place = 4 - place;`;

async function asPlain(node: TestNode, sql: string): Promise<void> {
  await node.query(`set role plain; ${sql}; reset role`);
}

async function addTables(tree: Tree, nodes: readonly TestNode[]): Promise<void> {
  for (const node of nodes) {
    await node.prepare('add-table', ...REPLICATED);
    if (node !== nodes[0]) await node.prepare('wait-sync');
  }
  await tree.caughtUp(nodes[0] as TestNode, nodes.slice(1));
}

/** Of the replicated tables. */
async function differences(tree: Tree, one: TestNode, other: TestNode): Promise<string[]> {
  return (await tree.differences(one, other)).filter((line) => !/"(audit|here)"/.test(line));
}

async function audit(node: TestNode): Promise<string[]> {
  const rows = await node.query<{ what: string; count: bigint }>(
    'select what, count(*) from public.audit group by 1 order by 1',
  );
  return rows.map(({ what, count }) => `${count} ${what}`);
}

/** One line per trigger and rule of the user's, with how it is enabled, and per foreign key. */
async function acting(node: TestNode): Promise<string[]> {
  const rows = await node.query<{ line: string }>(`
    select tgrelid::regclass || ' ' || tgname || ' ' || tgenabled::text as line from pg_trigger
     where tgfoid = 'public.note'::regproc
    union all
    select 'rule ' || rulename || ' ' || ev_enabled::text from pg_rewrite where rulename = 'doubled'
    union all
    select 'key ' || conname || case when convalidated then '' else ' not valid' end from pg_constraint
     where contype = 'f' and connamespace = 'public'::regnamespace
    order by 1`);
  return rows.map(({ line }) => line);
}

const AS_MADE = [
  'a noted O',
  'b always R',
  'b silent D',
  'key a_b',
  'key b_a',
  'key here_a',
  'key tree_parent',
  'rule doubled O',
  'tree noted O',
];
const KEPT_OFF = ['a noted D', 'b always A', 'b silent D', 'rule doubled D', 'tree noted D'];

async function allBack(node: TestNode, expected: readonly string[]): Promise<void> {
  const remembered = async () =>
    node.query(
      'select table_name from pgcascade.taken_off union all select fkey_name from londiste.pending_fkeys',
    );
  await waitUntilSeen(
    `everything is back on ${node.name}, and nothing remembered`,
    async () => ({
      acting: await acting(node),
      remembered: await remembered(),
      log: node.worker?.stderr.slice(-1_500),
    }),
    (seen) => JSON.stringify(seen.acting) === JSON.stringify(expected) && seen.remembered.length === 0,
  );
}

test.each([10, 18])(
  'a leaf of version %s without the right to set session_replication_role: nothing acts on replicated rows, and all comes back',
  async (major) => {
    await using tree = await openTree({
      nodes: { root: { major: 15 }, leaf: { major, provider: 'root', role: 'plain' } },
    });
    const [root, leaf] = [tree.node('root'), tree.node('leaf')];
    await root.query(`${TABLES} ${ROWS}`);
    await asPlain(leaf, `${TABLES} ${SUBSCRIBER}`);
    await addTables(tree, [root, leaf]);
    expect(await acting(leaf)).toEqual(KEPT_OFF);

    await root.query(CHANGES(5_000, 50));
    await tree.caughtUp(root, [leaf]);
    expect(await differences(tree, root, leaf)).toEqual([]);
    // The trigger that is for replicas has fired for the rows that are deleted.
    expect(await audit(leaf)).toEqual(['11 always DELETE']);
    expect((await leaf.must('status')).stdout).toContain(
      'The role may not set session_replication_role: 4 foreign keys and 4 triggers and rules are kept off its tables.',
    );

    // So does a repair, which writes as the same role.
    await leaf.query(
      `set session_replication_role = replica; update public.a set n = -1 where id <= 3;
       delete from public.tree where id = 7; update public.swapped set place = 4 - place;
       reset session_replication_role`,
    );
    const repaired = await leaf.run('repair', '--apply');
    expect(repaired.stdout).toContain('all equal');
    expect(await audit(leaf)).toEqual(['11 always DELETE']);

    // What is made between two looks of the worker is met by the batch that it would act in.
    await asPlain(
      leaf,
      `truncate public.audit;
       create trigger late after insert on public.b for each row execute procedure public.note();
       create trigger refusing before insert on public.tree for each row execute procedure public.note();
       delete from public.here;
       alter table public.here add constraint late_key foreign key (id) references public.b on delete cascade`,
    );
    await root.query(CHANGES(7_000, 70));
    await tree.caughtUp(root, [leaf]);
    expect(await differences(tree, root, leaf)).toEqual([]);
    expect(await audit(leaf)).toEqual(['11 always DELETE']);

    // An application cannot pass for the worker.
    await using application = await leaf.application();
    await application.execute("set role plain; set pgcascade.script = 'replication 1'");
    await expect(application.execute('update public.a set n = 0')).rejects.toThrow('change not allowed');

    // A script finds the tables as they are on the root: with keys and triggers.
    await leaf.query('truncate public.audit');
    const file = join(tree.folder, 'change.sql');
    await writeFile(
      file,
      `alter table public.b add column more int;
       update public.a set n = 7 where id <= 10;
       alter table public.tree rename to family;`,
    );
    await root.must('execute', file);
    await root.query('insert into public.b (id, a_id, more) values (9000, 9000, 1), (9001, 1, 2)');
    await tree.caughtUp(root, [leaf]);
    expect(await differences(tree, root, leaf)).toEqual([]);
    expect(await audit(leaf)).toEqual(['10 noted UPDATE']);

    await leaf.query('truncate public.audit');
    await leaf.must('resync', 'public.a');
    await tree.caughtUp(root, [leaf]);
    expect(await audit(leaf)).toEqual([]);
    expect((await acting(leaf)).filter((line) => line.startsWith('key'))).toEqual([]);

    // The role gets the right.
    await root.query('delete from public.b where id in (9000)');
    await tree.caughtUp(root, [leaf]);
    await leaf.stopWorker();
    await leaf.query(
      major >= 15 ? 'grant set on parameter session_replication_role to plain' : 'alter role plain superuser',
    );
    leaf.startWorker();
    const all = [...AS_MADE, 'b late O', 'key late_key', 'family refusing O'];
    await allBack(leaf, all.map((line) => line.replace('tree noted', 'family noted')).sort());
    expect((await leaf.must('status')).stdout).not.toContain('session_replication_role');
    await leaf.query(
      major >= 15
        ? 'revoke set on parameter session_replication_role from plain'
        : 'alter role plain nosuperuser',
    );
  },
);

test('a branch without the right hands its rows on; as the new root it has keys and triggers again', async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 15, isBranch: true },
      branch: { major: 14, provider: 'root', isBranch: true, role: 'plain' },
      leaf: { major: 18, provider: 'branch', role: 'plain' },
    },
  });
  const [root, branch, leaf] = [tree.node('root'), tree.node('branch'), tree.node('leaf')];
  await root.query(`${TABLES} ${ROWS}`);
  for (const node of [branch, leaf]) await asPlain(node, `${TABLES} ${SUBSCRIBER}`);
  await addTables(tree, [root, branch, leaf]);
  await root.query(CHANGES(5_000, 50));
  await tree.caughtUp(root, [branch, leaf]);
  for (const node of [branch, leaf]) expect(await differences(tree, root, node)).toEqual([]);
  expect(await acting(branch)).toEqual(KEPT_OFF);
  for (const node of [branch, leaf]) expect(await audit(node)).toEqual(['11 always DELETE']);
  // A row that the branch's keys refuse.
  await root.query('insert into public.a values (100000, 999999, 0)');

  // What cannot be put back keeps the node from nothing: it is told, and tried again.
  await branch.query(
    `create function public.refuse() returns event_trigger language plpgsql as $$
     begin
       if exists (select from pg_event_trigger_ddl_commands() where object_identity = 'public.tree') then
         raise exception 'not now';
       end if;
     end $$;
     create event trigger refusing on ddl_command_end when tag in ('ALTER TABLE') execute function public.refuse()`,
  );
  const { stdout } = await branch.must('takeover', 'root');
  expect(stdout).toContain('Put back on its tables: 3 foreign keys, 2 triggers and rules.');
  expect(stdout).toContain('NOT in force yet: triggers of public.tree (not now)');
  await waitUntilSeen(
    'the worker of the new root has tried in vain',
    () => branch.worker?.stderr ?? '',
    (seen) => seen.includes('Triggers cannot be put back'),
  );
  const { stdout: status } = await branch.must('status');
  expect(status).toMatch(/ERROR: not in force: triggers or rules of public\.tree \(not now/);
  expect(status).toMatch(/ERROR: not in force: foreign key "tree_parent" of public\.tree \(not now/);
  await branch.query('drop event trigger refusing');
  await allOff(branch, AS_MADE, ['a_b']);
  const { stdout: after } = await branch.must('status');
  expect(after).not.toMatch(/not in force|Changed without "execute"/);
  expect(after).toMatch(/Holds for new rows only: foreign key "a_b" of public\.a \(/);
  await branch.query('truncate public.audit');
  await expect(branch.query('insert into public.b values (200000, 777777)')).rejects.toThrow('b_a');
  await branch.query(
    'insert into public.tree values (5000000, null); delete from public.a where id = 100000',
  );
  expect(await audit(branch)).toEqual(['1 noted DELETE', '1 noted INSERT', '1 rule']);
  await tree.caughtUp(branch, [root, leaf]);
  for (const node of [root, leaf]) expect(await differences(tree, branch, node)).toEqual([]);
  expect((await branch.run('restore-triggers')).stdout).toContain('1 foreign keys');
  await allBack(branch, AS_MADE);

  // Tables that are not replicated any more, and a node that is none.
  await leaf.must('remove-table', 'public.tree');
  expect((await acting(leaf)).filter((line) => /tree|rule/.test(line))).toEqual([
    'key tree_parent',
    'rule doubled O',
    'tree noted O',
  ]);
  await branch.must('drop-node', 'leaf');
  await allBack(leaf, AS_MADE);
});

/** All is back but keys, which are in force and not valid. */
async function allOff(node: TestNode, all: readonly string[], notValid: readonly string[]): Promise<void> {
  const expected = all.map((line) =>
    notValid.some((key) => line === `key ${key}`) ? `${line} not valid` : line,
  );
  await waitUntilSeen(
    `everything is in force on ${node.name}`,
    async () => acting(node),
    (seen) => JSON.stringify(seen) === JSON.stringify(expected),
  );
}

test('without the right, what belongs to somebody else and would act stops the worker with both ways out', async () => {
  await using tree = await openTree({
    nodes: { root: { major: 15 }, leaf: { major: 18, provider: 'root', role: 'plain' } },
  });
  const [root, leaf] = [tree.node('root'), tree.node('leaf')];
  await root.query(TABLES);
  await asPlain(leaf, TABLES);
  await addTables(tree, [root, leaf]);
  await leaf.query(
    `alter table public.b owner to postgres; grant all on public.b to plain;
     create trigger noted after insert on public.b for each row execute procedure public.note()`,
  );
  await root.query('insert into public.b values (1, 1)');
  const outcome = await leaf.worker?.ended;
  expect(outcome?.exitCode).toBe(1);
  expect(outcome?.stderr).toContain('Trigger "noted" of table public.b, as it belongs to postgres');
  expect(outcome?.stderr).toContain('alter table public.b owner to ROLE');
  expect(await leaf.query('select * from public.b')).toEqual([]);

  await leaf.query('alter table public.b owner to plain');
  leaf.startWorker();
  await tree.caughtUp(root, [leaf]);
  expect(await differences(tree, root, leaf)).toEqual([]);
  expect(await audit(leaf)).toEqual([]);

  // A deferrable key that a row of the subscriber's own breaks: the table is parked, as it would be with an immediate one.
  await leaf.query(
    'alter table public.swapped disable trigger all; insert into public.swapped values (50, 5)',
  );
  await leaf.query('alter table public.swapped enable trigger all');
  await root.query('insert into public.swapped values (5, 5); insert into public.b values (2, 2)');
  await waitUntilSeen(
    'public.swapped is parked',
    () => leaf.query('select table_name, error_code from pgcascade.table_error'),
    (seen) => JSON.stringify(seen) === '[{"table_name":"public.swapped","error_code":"PC402"}]',
  );
  await waitUntilSeen(
    'the other table goes on',
    () => leaf.query('select id from public.b order by id'),
    (seen) => seen.length === 2,
  );
});
