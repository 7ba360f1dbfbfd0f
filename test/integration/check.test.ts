import { expect, test } from 'vitest';
import type { Finding } from '../../src/check/finding.js';
import { sharedCluster } from '../support/cluster.js';
import { SEEDS, type Seed } from './check-seeds.js';
import { type CommandNode, openPair } from './command-node.js';
import { EVERY_KIND_OF_10, EVERY_KIND_OF_18, ROLES } from './every-kind.js';

/** What `check --json` prints, as far as the tests look at it. */
interface Report {
  readonly blocks: number;
  readonly differs: number;
  readonly findings: readonly Finding[];
}

async function makeRoles(major: number): Promise<void> {
  const cluster = await sharedCluster(major);
  for (const role of ROLES) {
    await cluster.query(
      'postgres',
      `do $$ begin create role "${role}"; exception when duplicate_object then null; end $$`,
    );
  }
}

async function openFilledPair(from: number, to: number, sql: string) {
  await makeRoles(from);
  await makeRoles(to);
  const pair = await openPair(from, to);
  await pair.root.query(sql);
  await pair.root.must('add-table', [], { all: true });
  await pair.root.must('add-seq', [], { all: true });
  const made = await pair.leaf.must('create-schema');
  expect(made.filter((line) => line.includes('not made,'))).toEqual([]);
  await pair.leaf.must('add-table', [], { all: true });
  await pair.leaf.must('add-seq', [], { all: true });
  return pair;
}

async function checkJson(
  node: CommandNode,
  args: readonly string[] = [],
  options: object = {},
): Promise<Report> {
  const { lines, message } = await node.run('check', args, { ...options, json: true });
  if (message !== undefined) throw new Error(message);
  return JSON.parse(lines.join('\n')) as Report;
}

/** What counts, in one line each. */
function told({ findings }: Report): string[] {
  return findings
    .filter(({ severity }) => severity !== 'hint')
    .map(({ table, message }) => `${table}: ${message}`);
}

test.for([
  [10, 18],
  [18, 18],
  [18, 10],
] as const)('check finds nothing in what create-schema has made from %i to %i', async ([from, to]) => {
  // An unlogged table is in the way wherever it is.
  const logged = 'alter table shop.scratch set logged;';
  const sql = EVERY_KIND_OF_10 + (from === 18 && to === 18 ? EVERY_KIND_OF_18 : '') + logged + SPELLINGS;
  await using shop = await openFilledPair(from, to, sql);
  for (const options of [{}, { all: true }]) {
    const { exitCode, lines } = await shop.leaf.run('check', [], options);
    expect(lines).toEqual([
      expect.stringMatching(/checked against "root": nothing blocks and nothing differs$/),
    ]);
    expect(exitCode).toBe(0);
  }
  const root = await shop.root.run('check');
  expect(root.lines.filter((line) => /BLOCKS|differs/.test(line))).toEqual([]);
  expect(root.exitCode).toBe(0);
});

test.for([
  [10, 18],
  [18, 18],
] as const)(
  'check finds nothing in what add-table --create-full has made from %i to %i',
  async ([from, to]) => {
    await makeRoles(from);
    await makeRoles(to);
    await using pair = await openPair(from, to);
    const { root, leaf } = pair;
    await root.query(EVERY_KIND_OF_10);
    if (from === 18) await root.query(EVERY_KIND_OF_18);
    await root.query('alter table shop.scratch set logged');
    await root.must('add-table', [], { all: true });
    await leaf.must('add-table', [], { all: true, createFull: true });
    expect(told(await checkJson(leaf))).toEqual([]);
  },
);

/** Expressions that versions, and a database that was made from a dump, write in different words. */
const SPELLINGS = `
  create schema spelt;
  create table spelt.one (
    id bigint primary key, state varchar(10) default 'new' check (state in ('new', 'it''s', 'old')), kind char(3) check (kind in ('a', 'b')),
    price numeric(12, 2) default 0.00, at timestamptz default (now() at time zone 'utc'), day date default current_date, who text default current_user,
    tags text[] default '{}', doc jsonb default '{"a": [1, 2]}', span interval day to second(3) default '1 day', b bit(3) default B'101',
    n int default -1, f float8 default 1e-5, "Mixed" int check ("Mixed" between 1 and 5 or "Mixed" is null), up bigint references spelt.one on delete set null,
    check (not (price < 0 and n <> all (array[1, 2])) and (state like 'n%' or state is not null)),
    check (case when n > 0 then price > 0 else true end), check (coalesce(lower(state), 'x') ~ '^[a-z]'), check (extract(year from day) > 1900),
    check (substring(state from 1 for 1) <> 'x' and trim(both from who) <> '' and position('x' in who) = 0), check (trim(leading '0' from state) is not null),
    check (overlay(who placing 'a' from 1 for 1) is not null and not (at, at + '1 day') overlaps ('1999-01-01', '1999-01-02')),
    exclude using btree ((lower(state)) with =) where (n in (1, 2, 3))
  );
  create index one_by_state on spelt.one ((state || '-' || n::text), (price::int) desc) where state in ('new', 'old') and day > '2020-01-01';
  create index one_by_doc on spelt.one using gin (doc jsonb_path_ops);
  create index one_by_day on spelt.one using brin (day) with (pages_per_range = 32);
  create unique index one_once on spelt.one (coalesce(state, ''::varchar), (n is null)) where kind is distinct from 'a';
  create function spelt.noted() returns trigger language plpgsql as 'begin return new; end';
  create trigger noted before update on spelt.one for each row when (old.state is distinct from new.state and new.state in ('new', 'old')) execute procedure spelt.noted('x');
  create rule kept as on delete to spelt.one where old.state in ('new', 'old') do instead nothing;
  create policy seen on spelt.one for select using (state in ('new', 'old') and who = current_user);
  alter table spelt.one enable row level security;
  create view spelt.seen as select extract(month from day) as m, trim(state) as t, at at time zone 'cet' as z, count(*) over (partition by kind) from spelt.one where who = current_user;
  create domain spelt.short as varchar(5) default 'x' check (value in ('x', 'y')) check (length(value) < 6);
  create table spelt.two (id serial, s spelt.short, o oid, r regclass, t time(3) with time zone, at timestamptz not null) partition by range (at);
`;

test('the same statements on both sides make the same, in the words of 10 and of 18', async () => {
  await makeRoles(10);
  await makeRoles(18);
  await using pair = await openPair(10, 18);
  const { root, leaf } = pair;
  const sql = `${EVERY_KIND_OF_10}; alter table shop.scratch set logged; ${SPELLINGS}`;
  await root.query(sql);
  await leaf.query(sql);
  for (const node of [root, leaf]) {
    await node.must('add-table', [], { all: true, expectSync: true });
    await node.must('add-seq', [], { all: true });
  }
  expect(told(await checkJson(leaf))).toEqual([]);
  expect(told(await checkJson(leaf, [], { all: true }))).toEqual([]);
});

/** The seed's statements for its own table. */
function sqlOf(text: string | undefined, name: string): string {
  const sql = (text ?? '').replaceAll(/\bT(?=\b|_)/g, `seed.${name}`).replaceAll(/\bN(?=\b|_)/g, name);
  return sql === '' ? '' : `${sql};\n`;
}

test.for([
  [18, 18],
  [10, 18],
] as const)(
  'check finds each seeded difference and nothing else, and its statements mend them, from %i to %i',
  async ([from, to]) => {
    const seeds: (Seed & { readonly table: string; readonly id: string })[] = SEEDS.filter(
      // What the older versions know is looked at there.
      ({ since = 10 }) => (from === 10 ? since === 10 : since > 10),
    ).map((seed) => ({ ...seed, id: `t${SEEDS.indexOf(seed) + 1}` }));
    const both = seeds.map(({ table, id }) => sqlOf(table, id)).join('');
    await using pair = await openFilledPair(
      from,
      to,
      `create schema seed; create function seed.nothing() returns trigger language plpgsql as 'begin return new; end';\n${both}`,
    );
    const { root, leaf } = pair;
    expect(told(await checkJson(leaf))).toEqual([]);
    for (const { root: there, leaf: here, id } of seeds) {
      if (there !== undefined) await root.query(sqlOf(there, id));
      if (here !== undefined) await leaf.query(sqlOf(here, id));
    }
    const report = await checkJson(leaf);
    const open = report.findings.filter(({ severity }) => severity !== 'hint');
    const isOf = (id: string, { table, object }: Finding) =>
      table === `seed.${id}` || (table === null && new RegExp(`\\bseed\\.${id}(?![0-9])`).test(object));
    const seen = seeds.map(({ name, id }) => ({
      name,
      found: open
        .filter((finding) => isOf(id, finding))
        .map(({ severity, what, difference, message }) => ({ severity, what, difference, message })),
    }));
    expect(seen).toEqual(
      seeds.map(({ name, expect: expected }) => ({
        name,
        found: expected.map(({ severity, what, difference, says }) => ({
          severity,
          what,
          difference,
          message: expect.stringMatching(says),
        })),
      })),
    );
    expect(open.filter((finding) => !seeds.some(({ id }) => isOf(id, finding)))).toEqual([]);
    expect(seeds.length).toBeGreaterThan(from === 10 ? 40 : 3);
    // What is told mends it.
    for (const seed of seeds.filter(({ mends }) => mends !== false)) {
      for (const finding of open.filter((one) => isOf(seed.id, one))) {
        for (const statement of finding.mend?.statements ?? []) {
          if (statement.startsWith('replicate ')) continue;
          await (finding.mend?.node === 'root' ? root : leaf).query(statement).catch((error: unknown) => {
            throw new Error(`${seed.name}: ${statement}`, { cause: error });
          });
        }
      }
    }
    const after = await checkJson(leaf);
    const unmended = seeds.filter(({ mends }) => mends === false);
    expect(
      after.findings.filter(
        (finding) => finding.severity !== 'hint' && !unmended.some(({ id }) => isOf(id, finding)),
      ),
    ).toEqual([]);
  },
);
