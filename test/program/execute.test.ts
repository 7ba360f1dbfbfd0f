import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Connection } from '../../src/db/connection.js';
import { openTree, type Tree } from '../support/tree.js';

const TABLES = `
  create table public.item (
    id bigserial primary key, name text not null, price numeric(10, 2) not null default 1, qty int not null default 0,
    gone text
  );
  create table public.note (text text, n int);
  create table public.child (id serial primary key, item_id bigint references public.item on delete cascade);
  create table public.audited (id int primary key, v int);
  create function public.touch() returns trigger language plpgsql as
    'begin insert into public.note values (tg_table_name, 0); return null; end';
  create trigger touch after insert on public.audited for each row execute procedure public.touch();
  create table public.parted (id int, v text) partition by range (id);
  create table public.parted_1 partition of public.parted for values from (0) to (1000);`;
const ROWS = `
  insert into public.item (name, qty, gone) select 'item ' || g, g, 'x' from generate_series(1, 200) as g;
  insert into public.child (item_id) select g from generate_series(1, 100) as g;`;

/** Writes to what no script takes away, on several sessions, until it is told to stop. */
class Writers {
  readonly #ended: Promise<void>;
  #stopping = false;
  count = 0;

  constructor(open: () => Promise<Connection>) {
    this.#ended = Promise.all([1, 2].map(() => this.#write(open))).then(() => undefined);
    // A failure is told by `stop`; when the test fails before, its databases go while we write.
    this.#ended.catch(() => undefined);
  }

  async #write(open: () => Promise<Connection>): Promise<void> {
    await using session = await open();
    while (!this.#stopping) {
      // Two tables in one transaction, one of them without a key. Under a script's locks it waits.
      await session.execute(`begin;
        insert into public.note values ('written', 1);
        update public.item set price = price + 1, qty = qty + 1 where id between 1 and 20;
        commit`);
      this.count++;
      await sleep(20);
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }
}

/** Writes the scripts into files and executes them on the root. */
async function execute(tree: Tree, scripts: Readonly<Record<string, string>>): Promise<string> {
  for (const [name, sql] of Object.entries(scripts)) await writeFile(join(tree.folder, name), sql);
  return (await tree.node('root').mustProgram('execute', ...Object.keys(scripts))).stdout;
}

test('scripts run at their place of the queue on every node, while the application writes', {
  timeout: 300_000,
}, async () => {
  await using tree = await openTree({
    nodes: {
      root: { major: 10 },
      branch: { major: 15, provider: 'root', isBranch: true },
      leaf: { major: 18, provider: 'branch' },
    },
    tables: TABLES,
    rows: ROWS,
  });
  const [root, branch, leaf] = [tree.node('root'), tree.node('branch'), tree.node('leaf')];
  const expectEqual = async () => {
    await writers.stop();
    await tree.caughtUp(root, [branch, leaf], 150_000);
    for (const node of [branch, leaf]) expect(await tree.differences(root, node), node.name).toEqual([]);
  };
  let writers = new Writers(() => root.application());

  const output = await execute(tree, {
    '01-columns.sql': `
      alter table item add column state text not null default 'new';
      alter table item drop column gone;
      alter table note add extra int;
      alter table public.parted add more text default ';';
      create table public.parted_2 partition of public.parted for values from (1000) to (2000);`,
    '02-rename.sql': `
      alter table item rename column name to title;
      alter table item alter qty type bigint;
      comment on table item is 'a ; in a comment';`,
  });
  expect(output).toMatch(
    /executed 01-columns\.sql \(statements: 5\)\n(?:renewed .*\n)*executed 02-rename\.sql/,
  );
  expect(output).toContain('renewed public.item');
  await root.query(`insert into public.item (title, state, qty) values ('after', 'old', 5000000000);
    insert into public.note values ('with', 2, 3);
    insert into public.parted values (1, 'a', 'b'), (1500, 'c', 'd');
    update public.item set state = 'changed' where id = 150`);
  await expectEqual();

  writers = new Writers(() => root.application());
  await execute(tree, {
    '03-data.sql': `
      update item set price = price * 2, state = 'doubled' where id % 2 = 0;
      delete from item where id between 90 and 99;
      insert into audited select g, g from generate_series(1, 3) as g;
      do $$ begin update public.note set n = n + 10; end; $$;
      truncate parted;
      insert into parted values (7, 'seven;', null);
      create temp table scratch as select count(*) as c from child;
      update audited set v = (select c from scratch) where id = 1;`,
    '04-table.sql': `
      set search_path = public;
      create table fresh (id serial primary key, item_id bigint references item on delete set null, v text);
      create index fresh_v on fresh (v);
      create function fresh_count() returns bigint language sql as $f$ select count(*) from public.fresh; $f$;
      alter table audited rename to watched;
      drop table child;`,
  });
  await root.mustProgram('add-table', 'fresh');
  for (const node of [branch, leaf]) {
    await node.mustProgram('wait-root');
    await node.mustProgram('add-table', 'fresh');
  }
  await root.query(`insert into public.fresh (item_id, v) select id, title from public.item where id < 50;
    insert into public.watched values (9, 9); update public.watched set v = v + 1; update public.parted set v = 'p'`);
  await leaf.mustProgram('wait-sync');
  await expectEqual();
  for (const node of [branch, leaf]) expect((await node.mustProgram('compare')).stdout).not.toMatch(/differ/);
  expect(await leaf.query('select distinct n from public.note where n > 5 order by n')).not.toEqual([]);
  const tables = await leaf.query<{ t: string }>(
    'select table_name || coalesce($1 || dest_table, $2) as t from londiste.table_info order by 1',
    [' as ', ''],
  );
  expect(tables.map(({ t }) => t)).toEqual([
    'public.audited as public.watched',
    'public.fresh',
    'public.item',
    'public.note',
    'public.parted',
  ]);
  // What the scripts wrote came by the scripts only.
  expect(
    (await execute(tree, { '03-data.sql': `update item set price = 0` }).catch(String)).toString(),
  ).toContain('Another script was executed as 03-data.sql before');
});
