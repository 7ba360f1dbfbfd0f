import { afterAll, beforeAll, expect, test } from 'vitest';
import { mustInProcess as must, runInProcess as run } from '../support/in-process.js';
import type { TestNode } from '../support/test-node.js';
import { openTree, type Tree } from '../support/tree.js';

/* Every handler over real workers: copy, apply, compare. One tree for all of them, from the oldest server to the newest. */

let tree: Tree;
let root: TestNode;
let leaf: TestNode;
let branch: TestNode;
/** A leaf below the branch. */
let second: TestNode;

beforeAll(async () => {
  tree = await openTree({
    nodes: {
      root: { major: 10 },
      leaf: { major: 18, provider: 'root' },
      branch: { major: 18, provider: 'root', isBranch: true },
      second: { major: 10, provider: 'branch' },
    },
    ini: ['obfuscator_key = not to be guessed'],
  });
  root = tree.node('root');
  leaf = tree.node('leaf');
  branch = tree.node('branch');
  second = tree.node('second');
});

afterAll(async () => {
  await tree?.[Symbol.asyncDispose]();
});

/** The rows of a query as one text a row, sorted. */
async function rows(node: TestNode, query: string): Promise<string[]> {
  const found = await node.query<{ r: string }>(`select q::text as r from (${query}) as q order by 1`);
  return found.map(({ r }) => r);
}

async function expectSame(selected: string, here: string): Promise<void> {
  await tree.caughtUp(root, [leaf]);
  expect(await rows(leaf, here)).toEqual(await rows(root, selected));
}

/** Writes on the leaf as nobody should. */
async function tamper(sql: string): Promise<void> {
  await leaf.query(`set session_replication_role = replica; ${sql}; reset session_replication_role`);
}

async function addTable(name: string, ...handlerWords: string[]): Promise<void> {
  await must(root, 'add-table', name);
  await must(leaf, 'add-table', name, ...handlerWords, '--wait-sync');
}

test('plain copies, applies and compares the rows and columns that are asked for', async () => {
  await root.query(`
    create table orders (id bigint primary key, "Region" text, total numeric(10,2), note text, secret json, at timestamptz);
    insert into orders
      select i, case i % 3 when 0 then 'eu' when 1 then 'us' end, i / 7.0, 'copied ''' || i || ''' \\ é', '{"a": 1}', now()
        from generate_series(1, 3000) as i`);
  // The filter's column and the secret are not here; a column of the leaf's own is.
  await leaf.query(
    "create table orders (note text, id bigint primary key, total numeric(10,2), own text default 'own')",
  );
  await addTable(
    'orders',
    '--handler-arg',
    `where="Region" = 'eu' and total < 500`,
    '--handler-arg=columns=id,total,note',
  );
  const selected = `select id, total, note from orders where "Region" = 'eu' and total < 500`;
  const here = 'select id, total, note from orders';
  await expectSame(selected, here);
  expect((await rows(leaf, here)).length).toBeGreaterThan(900);

  await root.query(`
    insert into orders select i, case i % 3 when 0 then 'eu' else 'us' end, 1, 'applied' from generate_series(3001, 3600) as i;
    update orders set "Region" = 'us' where id between 100 and 200;
    update orders set "Region" = 'eu' where id between 150 and 250;
    update orders set note = 'touched' where id between 200 and 300;
    update orders set total = 600 where id between 290 and 310;
    delete from orders where id between 320 and 360;
    update orders set id = id + 10000 where id between 400 and 450;
    update orders set "Region" = null where id between 500 and 510`);
  // Within one transaction rows go out and come in again, under the same key.
  await root.query(`
    begin;
    insert into orders values (20001, 'us', 1, 'never here'), (20002, 'eu', 1, 'here and gone');
    update orders set "Region" = 'eu' where id = 20001;
    update orders set "Region" = 'us' where id = 20002;
    delete from orders where id in (600, 601, 602);
    insert into orders values (600, 'eu', 1, 'anew'), (601, 'us', 1, 'anew');
    update orders set "Region" = 'us' where id = 603;
    update orders set "Region" = 'eu' where id = 603;
    commit`);
  await expectSame(selected, here);
  await must(leaf, 'compare', 'orders');
  // A row that stays keeps what only the leaf has.
  await tamper("update orders set own = 'kept' where id = 900");
  await root.query("update orders set note = 'again' where id = 900");
  await expectSame(selected, here);
  expect(await leaf.query('select own, note from orders where id = 900')).toEqual([
    { own: 'kept', note: 'again' },
  ]);

  await tamper(
    "update orders set note = 'wrong' where id = 900; insert into orders (id, note) values (1, 'extra'); delete from orders where id = 903",
  );
  const { text, exitCode } = await run(leaf, 'compare', 'orders');
  expect(exitCode).toBe(2);
  expect(text).toMatch(
    /changed: 1 row, key 900\s+missing on the subscriber: 1 row, key 903\s+extra on the subscriber: 1 row, key 1\s/,
  );
  await must(leaf, 'resync', 'orders');
  await must(leaf, 'wait-sync');
  await must(leaf, 'compare', 'orders');

  await root.query("truncate orders; insert into orders values (1, 'eu', 1, 'after'), (2, 'us', 1, 'after')");
  await expectSame(selected, here);
  expect(await rows(leaf, here)).toHaveLength(1);
  await must(leaf, 'compare', 'orders');
});

test('a filter is exact for tables without a key, with keys of many texts, and without a unique key here', async () => {
  await root.query(`
    create table visits (who text, place json, n integer);
    create table prices (k numeric primary key, v text, n integer);
    create table loose (id integer primary key, n integer);
    insert into visits select 'w' || i % 7, '{"p": 1}', i % 10 from generate_series(1, 200) as i;
    insert into prices select i, 'v' || i, i from generate_series(1, 100) as i;
    insert into loose select i, i % 4 from generate_series(1, 100) as i`);
  await leaf.query(`
    create table visits (who text, place json, n integer);
    create table prices (k numeric primary key, v text, n integer);
    create table loose (id integer, n integer)`);
  for (const name of ['visits', 'prices', 'loose']) await addTable(name, '--handler-arg=where=n % 2 = 0');
  await root.query(`
    update visits set n = n + 1 where who = 'w3';
    update visits set who = 'w0' where n > 5;
    delete from visits where n in (2, 3);
    insert into visits select 'w9', null, i from generate_series(1, 20) as i;
    update prices set k = k + 0.50, n = n + 1 where n < 20;
    update prices set n = n + 1 where n > 50;
    update prices set k = k * 1.00 where n = 30;
    delete from prices where n between 60 and 70;
    insert into prices values (1000.0, 'new', 2), (1001.00, 'new', 3);
    update loose set n = n + 1 where id < 30;
    delete from loose where id > 90;
    update loose set n = n * 2 where id > 50`);
  for (const name of ['visits', 'prices', 'loose']) {
    await expectSame(`select * from ${name} where n % 2 = 0`, `select * from ${name}`);
  }
  await must(leaf, 'compare', 'visits', 'prices', 'loose');
  await must(
    leaf,
    'change-handler',
    'loose',
    '--handler-arg=where=n % 2 = 0',
    '--handler-arg=ignore_truncate=1',
  );
  await must(leaf, 'wait-sync');
  const before = await rows(leaf, 'select * from loose');
  await root.query('insert into loose values (500, 1); truncate loose; insert into loose values (1000, 0)');
  await tree.caughtUp(root, [leaf]);
  expect(await rows(leaf, 'select * from loose')).toEqual([...before, '(1000,0)'].toSorted());

  await tamper("update visits set who = 'wrong' where ctid = (select min(ctid) from visits)");
  expect((await run(leaf, 'compare', 'visits')).exitCode).toBe(2);
});

test('a handler is checked before it is stored, and its errors name what there is', async () => {
  await root.query('create table checked (a integer, b integer, v integer, primary key (a, b))');
  await leaf.query('create table checked (a integer, b integer, v integer, primary key (a, b))');
  await must(root, 'add-table', 'checked');
  const refused = async (...words: string[]) => {
    const outcome = await run(leaf, 'add-table', 'checked', ...words);
    expect(outcome.exitCode).toBe(1);
    return outcome.text;
  };
  expect(await refused('--handler=odd')).toMatch(/no handler "odd".*plain/);
  expect(await refused('--handler-arg=weher=1')).toMatch(/no argument "weher".*where/);
  expect(await refused('--handler-arg=columns=a,v')).toMatch(/b is missing/);
  expect(await refused('--handler-arg=columns=a,b,w')).toMatch(/no column w/);
  expect(await refused('--handler-arg=where=w > 1')).toMatch(/column "w" does not exist/);
  expect(await refused('--handler-arg=where=v + 1')).toMatch(/boolean/);
  expect(await refused('--handler-arg=where=exists (select 1)')).toMatch(/one row/);
  expect(
    await leaf.query("select from londiste.table_info where table_name = 'public.checked' and local"),
  ).toEqual([]);

  // What the SQL alone has stored is met by the worker: that table is parked, and change-handler takes it up again.
  await must(leaf, 'add-table', 'checked', '--handler-arg=where=v > 0', '--wait-sync');
  await leaf.query(
    "update londiste.table_info set table_attrs = 'handler=odd' where table_name = 'public.checked'",
  );
  await root.query('insert into checked values (1, 1, 1), (2, 2, -1)');
  await tree.caughtUp(root, [leaf]);
  expect(
    await leaf.query("select error_code from pgcascade.table_error where table_name = 'public.checked'"),
  ).toEqual([{ error_code: 'PC410' }]);
  await must(leaf, 'change-handler', 'checked', '--handler-arg=where=v < 0');
  await must(leaf, 'wait-sync');
  await expectSame('select * from checked where v < 0', 'select * from checked');
  // An expression that fails for a row parks the table too.
  await must(leaf, 'change-handler', 'checked', '--handler-arg=where=10 / v > 0');
  await must(leaf, 'wait-sync');
  await root.query('insert into checked values (3, 3, 0)');
  await tree.caughtUp(root, [leaf]);
  const [parked] = await leaf.query<{ message: string }>(
    "select message from pgcascade.table_error where table_name = 'public.checked'",
  );
  expect(parked?.message).toContain('22012');
  await must(leaf, 'change-handler', 'checked');
  await must(leaf, 'wait-sync');
  await must(leaf, 'compare', 'checked');
  expect(await must(leaf, 'show-handlers', 'plain')).toMatch(/plain.*where/s);
});

test('the parts of a sharded table are together the table, and rows move between them', async () => {
  await root.query(`
    create table parts (id integer, name char(12), n integer, at date, primary key (id));
    create table pairs (a text, b timestamptz, n integer);
    insert into parts select i, case when i % 9 > 0 then 'name ' || i % 500 end, 0, current_date from generate_series(1, 2000) as i;
    insert into pairs select 'a' || i % 50, '2020-01-01'::timestamptz + i % 40 * interval '1 hour', i from generate_series(1, 500) as i`);
  const shards = [leaf, second];
  for (const [i, node] of shards.entries()) {
    await node.query(`
      create table parts (id bigint primary key, name text, n integer, at date);
      create table pairs (a text, b timestamptz, n integer);
      create schema partconf; create table partconf.conf as select ${i} as shard_nr, 1 as shard_mask, 2 as shard_count`);
  }
  await branch.query('create table parts (id integer primary key, name char(12), n integer, at date)');
  await branch.query('create table pairs (a text, b timestamptz, n integer)');
  // Londiste wants it on the root too; here it has no effect there.
  await must(root, 'add-table', 'parts', 'pairs', '--handler=shard', '--handler-arg=hash_key=id');
  await must(branch, 'add-table', 'parts', 'pairs', '--wait-sync');
  for (const [i, node] of shards.entries()) {
    // As Londiste: the database knows which part it is. Else the arguments say it.
    await must(node, 'add-table', 'parts', '--handler=part', '--handler-arg=hash_key=name');
    await must(
      node,
      'add-table',
      'pairs',
      '--handler=shard',
      '--handler-arg=key=a,b',
      `--handler-arg=shard=${i}`,
      '--handler-arg=count=2',
    );
    await must(node, 'wait-sync');
  }
  const expectTogether = async () => {
    await tree.caughtUp(root, [branch, ...shards]);
    for (const table of ['parts', 'pairs']) {
      const query = `select * from ${table}`;
      const [one, other] = await Promise.all(shards.map((node) => rows(node, query)));
      expect(one?.length).toBeGreaterThan(100);
      expect(other?.length).toBeGreaterThan(100);
      expect([...(one ?? []), ...(other ?? [])].toSorted()).toEqual((await rows(root, query)).toSorted());
    }
  };
  await expectTogether();
  await root.query(`
    insert into parts select i, 'name ' || i % 700, 1, null from generate_series(3000, 3500) as i;
    update parts set n = n + 1 where id % 3 = 0;
    update parts set name = 'moved ' || id where id % 5 = 0;
    update parts set id = id + 100000 where id % 7 = 0;
    delete from parts where id % 11 = 0;
    update pairs set a = a || 'x' where n % 3 = 0;
    update pairs set b = null where n % 10 = 0;
    delete from pairs where n % 11 = 0`);
  await expectTogether();
  for (const node of shards) await must(node, 'compare', 'parts', 'pairs');
  await tamper('update parts set n = -1 where id = (select min(id) from parts)');
  expect((await run(leaf, 'compare', 'parts')).text).toMatch(/changed: 1 row/);
  await root.query(
    'truncate parts; insert into parts select i, i::text, 0 from generate_series(1, 500) as i; truncate pairs; insert into pairs select i from generate_series(1, 500) as i',
  );
  await expectTogether();
});

test('a shard refuses a key whose text is not the same everywhere, and a place that is not there', async () => {
  await root.query('create table inexact (id integer primary key, f double precision)');
  await leaf.query('create table inexact (id integer primary key, f double precision)');
  await must(root, 'add-table', 'inexact');
  const words = ['inexact', '--handler=shard', '--handler-arg=count=2'];
  expect(
    (await run(leaf, 'add-table', ...words, '--handler-arg=key=f', '--handler-arg=shard=1')).text,
  ).toMatch(/double precision/);
  expect(
    (await run(leaf, 'add-table', ...words, '--handler-arg=key=id', '--handler-arg=shard=2')).text,
  ).toMatch(/no shard=2/);
  expect((await run(leaf, 'add-table', ...words, '--handler-arg=shard=1')).text).toMatch(
    /needs the argument key/,
  );
  expect(
    await leaf.query("select from londiste.table_info where table_name = 'public.inexact' and local"),
  ).toEqual([]);
});

test('what is obfuscated is nowhere in clear below, and keys and joins hold', async () => {
  const tables = `
    create table people (email varchar(100) primary key, ident uuid, num bigint, country text, note text, born date);
    create table mails (id integer primary key, sender text, body text)`;
  await root.query(`${tables};
    insert into people select 'p' || i || '@example.org', md5(i::text)::uuid, i, 'c' || i % 5, 'secret ' || i, current_date from generate_series(1, 300) as i;
    insert into mails select i, 'p' || i % 300 + 1 || '@example.org', 'secret ' || i from generate_series(1, 500) as i`);
  await branch.query(tables);
  // The column that is left out need not be here.
  await leaf.query(tables.replace(', born date', ''));
  await second.query(tables);
  await must(root, 'add-table', 'people', 'mails');
  const people = [
    '--handler=obfuscate',
    '--handler-arg=keep=country',
    '--handler-arg=hash=email,ident,num',
    '--handler-arg=null=note',
  ];
  const mails = [
    '--handler=obfuscate',
    '--handler-arg=keep=id',
    '--handler-arg=hash=sender',
    '--handler-arg=skip=body',
  ];
  for (const node of [leaf, branch]) {
    await must(node, 'add-table', 'people', ...people);
    await must(node, 'add-table', 'mails', ...mails, '--wait-sync');
  }
  await must(second, 'add-table', 'people', 'mails', '--wait-sync');

  const nodes = [leaf, branch, second];
  const expectHidden = async () => {
    await tree.caughtUp(root, nodes);
    const [all] = await root.query<{ people: bigint; joined: string[] }>(`
      select (select count(*) from people) as people,
             array(select p.country || count(*) from people as p join mails as m on m.sender = p.email group by p.country order by 1) as joined`);
    for (const node of nodes) {
      expect(
        await node.query("select email from people where email !~ '^[0-9a-f]{32}$' or note is not null"),
      ).toEqual([]);
      expect(
        await node.query("select sender from mails where sender !~ '^[0-9a-f]{32}$' or body is not null"),
      ).toEqual([]);
      const together = await node.query<{ r: string }>(
        'select p.country || count(*) as r from people as p join mails as m on m.sender = p.email group by p.country order by 1',
      );
      expect(together.map(({ r }) => r)).toEqual(all?.joined);
    }
    // The same key of the ini file everywhere, and no hash of a hash: all nodes have the same.
    const [one, two, three] = await Promise.all(
      nodes.map((node) => rows(node, 'select email, ident, num, country, note from people')),
    );
    expect(two).toEqual(one);
    expect(three).toEqual(one);
    expect(one).toHaveLength(Number(all?.people));
  };
  await expectHidden();
  await root.query(`
    update people set note = 'secret again', country = 'c9' where num < 20;
    update people set num = num + 1000 where num < 10;
    update people set email = 'new' || email where num between 30 and 40;
    delete from people where num between 50 and 60;
    insert into people values ('late@example.org', null, 5000, null, 'secret', null);
    update mails set sender = 'late@example.org', body = 'secret' where id < 10;
    insert into mails values (1000, null, 'secret')`);
  await expectHidden();
  for (const node of nodes) await must(node, 'compare', 'people', 'mails');

  // The queue of the branch holds none of it, whatever its events say.
  const clear = await branch.query(
    "select ev_type from pgq.event_template where ev_extra1 in ('public.people', 'public.mails') and concat_ws(' ', ev_data, ev_extra2, ev_extra3) ~ 'example|secret'",
  );
  expect(clear).toEqual([]);
  const [handedOn] = await branch.query<{ events: bigint; keys: bigint }>(
    `select count(*) as events, count(*) filter (where ev_extra3 ~ '^[0-9a-f]{32}$') as keys
       from pgq.event_template where ev_extra1 = 'public.people' and ev_type like '{"op":"UPDATE"%'`,
  );
  expect(handedOn?.events).toBeGreaterThan(20n);
  expect(handedOn?.keys).toBe(handedOn?.events);

  for (const node of [leaf, second]) {
    await node.query(
      "set session_replication_role = replica; update people set country = 'wrong' where email = (select min(email) from people); reset session_replication_role",
    );
    expect((await run(node, 'compare', 'people')).text).toMatch(/changed: 1 row/);
  }
  await root.query(
    "truncate people; insert into people values ('a@example.org', null, 1, 'x', 'secret', null)",
  );
  await expectHidden();
});

test('below a branch that has a part of a table there is no more of it', async () => {
  const table = 'create table part_below (id integer primary key, n integer, v text)';
  await root.query(`${table}; insert into part_below select i, i % 4, 'v' from generate_series(1, 100) as i`);
  await branch.query(table);
  await second.query(table);
  await must(root, 'add-table', 'part_below');
  await must(
    branch,
    'add-table',
    'part_below',
    '--handler-arg=where=n < 3',
    '--handler-arg=columns=id,n',
    '--wait-sync',
  );
  const text = await must(second, 'add-table', 'part_below', '--handler-arg=where=n > 0', '--wait-sync');
  expect(text).toContain('plain (where=(n < 3) and (n > 0), columns=id,n)');
  await root.query(
    'update part_below set n = (n + 1) % 4; delete from part_below where id > 90; insert into part_below select i, i % 4 from generate_series(200, 240) as i',
  );
  await tree.caughtUp(root, [branch, second]);
  const expected = (where: string) =>
    rows(root, `select id, n, null::text as v from part_below where ${where}`);
  expect(await rows(branch, 'select * from part_below')).toEqual(await expected('n < 3'));
  expect(await rows(second, 'select * from part_below')).toEqual(await expected('n in (1, 2)'));
  await must(branch, 'compare', 'part_below');
  await must(second, 'compare', 'part_below');
  // It would be a root without the rest of the rows.
  const takeover = await run(branch, 'takeover', 'root');
  expect(takeover.exitCode).toBe(1);
  expect(takeover.text).toMatch(/not all that the root has.*part_below/);
});

test('repair writes what the handler makes of the rows, into a table of another name and on a branch in the middle', async () => {
  const columns = '(id integer primary key, n integer, v text, secret text)';
  await root.query(
    `create table mended ${columns}; insert into mended select i, i % 4, 'v' || i, 's' from generate_series(1, 100) as i`,
  );
  await leaf.query(`create table mended_here ${columns}`);
  for (const node of [branch, second]) await node.query(`create table mended ${columns}`);
  await must(root, 'add-table', 'mended');
  const hidden = [
    '--handler=obfuscate',
    '--handler-arg=keep=id,n',
    '--handler-arg=hash=v',
    '--handler-arg=skip=secret',
  ];
  await must(leaf, 'add-table', 'mended', '--dest-table=mended_here', ...hidden);
  await must(branch, 'add-table', 'mended', '--handler-arg=where=n < 3', '--handler-arg=columns=id,n,v');
  await must(branch, 'wait-sync');
  await must(second, 'add-table', 'mended', '--wait-sync');
  await must(leaf, 'wait-sync');
  await tree.caughtUp(root, [leaf, branch, second]);
  const nodes = [leaf, branch, second];
  const before = await Promise.all(nodes.map((node) => rowsOfMended(node)));
  const events = () =>
    branch.query("select count(*) as n from pgq.event_template where ev_extra1 = 'public.mended'");
  const eventsBefore = await events();
  for (const [i, node] of nodes.entries()) {
    const table = node === leaf ? 'mended_here' : 'mended';
    // On the branch the last one is a row of the provider that is not to be here.
    await node.query(`set session_replication_role = replica; update ${table} set v = 'wrong' where id = ${4 + i * 4};
      delete from ${table} where id = ${5 + i * 4}; insert into ${table} (id, n) values (1000, 1), (${node === leaf ? 1001 : 3}, 3);
      reset session_replication_role`);
    const shown = await run(node, 'repair', 'mended');
    expect(shown.exitCode).toBe(2);
    expect(shown.text.match(/^(insert|update|delete) .*;$/gim)).toHaveLength(4);
    const repaired = await run(node, 'repair', '--apply', 'mended');
    expect(repaired.text).toContain('public.mended: 1 inserted, 1 updated, 2 deleted\n');
    expect(repaired.exitCode).toBe(0);
  }
  expect(await Promise.all(nodes.map((node) => rowsOfMended(node)))).toEqual(before);
  // Nobody below hears of it: what is mended is here.
  expect(await events()).toEqual(eventsBefore);
  await root.query("update mended set v = 'later' where id < 20");
  await tree.caughtUp(root, nodes);
  for (const node of nodes) await must(node, 'compare', 'mended');
});

function rowsOfMended(node: TestNode): Promise<string[]> {
  return rows(node, `select * from ${node === leaf ? 'mended_here' : 'mended'}`);
}

test('of a virtual table there is only the name, and a branch hands its events on', async () => {
  const table = 'create table noted (id integer primary key)';
  await root.query(`${table}; insert into noted values (1); create table beside (id integer primary key)`);
  await branch.query('create table beside (id integer primary key)');
  await second.query(table);
  await must(root, 'add-table', 'noted', 'beside');
  await must(branch, 'add-table', 'beside');
  await must(branch, 'add-table', 'noted', '--handler=fake_local', '--wait-sync');
  // The branch has no rows that could be copied.
  expect((await run(second, 'add-table', 'noted')).text).toMatch(
    /has no rows of public.noted \(handler vtable\)/,
  );
  await second.query('insert into noted values (1)');
  await must(second, 'add-table', 'noted', '--expect-sync');
  await root.query('insert into noted values (2); truncate noted; insert into noted values (3)');
  await tree.caughtUp(root, [branch, second]);
  expect(await rows(second, 'select * from noted')).toEqual(['(3)']);
  expect(await must(branch, 'compare')).not.toContain('noted');
  expect((await run(branch, 'compare', 'noted')).exitCode).toBe(3);
  // Copying it anew is nothing to do.
  await must(branch, 'resync', 'noted');
  await must(branch, 'wait-sync');
  // A name of which no table is anywhere.
  await must(root, 'add-table', 'public.nowhere', '--handler=vtable');
  expect(await must(root, 'tables')).toMatch(/public\.nowhere.*vtable/);
  expect(await must(root, 'add-table', 'public.nowhere')).toContain('is replicated already');
});

test('a branch stops rather than hand on what a handler that it does not know might hide', async () => {
  const table = 'create table odd (id integer primary key)';
  await root.query(table);
  await branch.query(table);
  await must(root, 'add-table', 'odd');
  await must(branch, 'add-table', 'odd', '--wait-sync');
  await branch.query(
    "update londiste.table_info set table_attrs = 'handler=odd' where table_name = 'public.odd'",
  );
  const ended = await branch.worker?.ended;
  expect(ended?.stderr).toContain('no handler "odd"');
  await must(branch, 'change-handler', 'odd');
  branch.startWorker();
  await must(branch, 'wait-sync');
  await root.query('insert into odd values (1)');
  await tree.caughtUp(root, [branch, second]);
  expect(await rows(branch, 'select * from odd')).toEqual(['(1)']);
});

test('handlers go with the events of logutriga too', async () => {
  const table =
    'create table encoded (id integer primary key, region text, total numeric, secret text, flag boolean, j json)';
  await root.query(
    `${table}; insert into encoded select i, 'eu', i, 'secret ' || i, true, '[1]' from generate_series(1, 50) as i`,
  );
  await leaf.query(table);
  await branch.query(table);
  await second.query(table);
  await must(root, 'add-table', 'encoded');
  await must(
    leaf,
    'add-table',
    'encoded',
    "--handler-arg=where=region = 'eu' and flag and j is not null",
    '--wait-sync',
  );
  const hidden = [
    '--handler=obfuscate',
    '--handler-arg=keep=region,total,flag',
    '--handler-arg=hash=id,secret',
  ];
  const tooSmall = await run(branch, 'add-table', 'encoded', ...hidden);
  expect(tooSmall.text).toContain('Column id of public.encoded here is of type integer, which cannot hold');
  await branch.query('alter table encoded alter column id type bigint');
  await second.query('alter table encoded alter column id type bigint');
  await must(branch, 'add-table', 'encoded', ...hidden, '--wait-sync');
  await must(second, 'add-table', 'encoded', '--wait-sync');
  await must(root, 'capture-format', 'urlenc');
  await root.query(`
    update encoded set region = 'us' where id < 10;
    update encoded set flag = not flag where id between 10 and 20;
    update encoded set region = 'eu', total = total + 0.50, j = '{"a": "x&y=z %"}' where id between 5 and 15;
    delete from encoded where id > 45;
    update encoded set secret = null where id = 40;
    insert into encoded values (100, 'eu', 1, 'secret &=% +', true, '[]'), (101, 'us', 1, 'secret', true, null)`);
  const where = "region = 'eu' and flag and j is not null";
  await expectSame(
    `select id, region, total, secret, flag, j::text from encoded where ${where}`,
    'select id, region, total, secret, flag, j::text from encoded',
  );
  await must(leaf, 'compare', 'encoded');
  await tree.caughtUp(root, [branch, second]);
  await must(branch, 'compare', 'encoded');
  await must(second, 'compare', 'encoded');
  expect(await rows(second, 'select * from encoded')).toEqual(await rows(branch, 'select * from encoded'));
  expect(
    await branch.query(
      "select ev_type from pgq.event_template where ev_extra1 = 'public.encoded' and concat_ws(' ', ev_data, ev_extra2) ~ 'secret [0-9&]'",
    ),
  ).toEqual([]);
  await must(root, 'capture-format', 'json');
});
