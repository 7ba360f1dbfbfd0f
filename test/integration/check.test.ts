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
  const sql =
    from === 18 && to === 18 ? EVERY_KIND_OF_10 + EVERY_KIND_OF_18 + logged : EVERY_KIND_OF_10 + logged;
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
