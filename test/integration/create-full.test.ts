import { pino } from 'pino';
import { afterAll, describe, expect, test } from 'vitest';
import { restoreForeignKeys } from '../../src/worker/foreign-keys.js';
import { sharedCluster } from '../support/cluster.js';
import { installedDatabase } from '../support/installed-database.js';
import { pgDumpSchema, whyNoPgDump } from '../support/pg-dump.js';
import { CommandNode, openPair } from './command-node.js';
import { EVERY_KIND_OF_10, EVERY_KIND_OF_18, ROLES } from './every-kind.js';

const noPgDump = await whyNoPgDump();

/** What is ours, on both sides. */
const OURS = ['pgq', 'pgq_node', 'pgq_ext', 'pgq_coop', 'londiste', 'pgcascade'];
const WITHOUT_OURS = OURS.flatMap((schema) => ['-N', schema]);

/** Our triggers are a root's or a leaf's. */
const OUR_TRIGGERS = /^--\n-- Name: .*; Type: TRIGGER; .*\n--\n\nCREATE TRIGGER "!pgcascade_.*\n\n\n/gm;

/**
 * What differs between the dumps of two versions although the objects are the same. The first part is a line of the dump, the second what
 * stands in its place on both sides.
 */
const WRITTEN_DIFFERENTLY: readonly (readonly [why: string, pattern: RegExp, text: string])[] = [
  ['the version itself', /^-- Dumped from database version .*$/gm, ''],
  ['before 12 there is one access method', /^SET default_table_access_method = heap;\n\n/gm, ''],
  ['before 14 a range has no multirange', /^ {4}multirange_type_name = shop\.floatmultirange,\n/gm, ''],
  ['PROCEDURE was the word before 11', / EXECUTE PROCEDURE /g, ' EXECUTE FUNCTION '],
  ['before 16 the columns of a view always have their table', /\b(?:customer|n|a_on_b|upto)\.(?=\w)/g, ''],
  ['before 14 current_user is of type name', /\(CURRENT_USER\)::text/g, 'CURRENT_USER'],
];

function comparable(dump: string): string {
  return WRITTEN_DIFFERENTLY.reduce(
    (text, [, pattern, replacement]) => text.replaceAll(pattern, replacement),
    dump.replaceAll(OUR_TRIGGERS, ''),
  );
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

/** The arguments that make pg_dump write all tables, and no views, of the schema. */
async function tableArguments(node: CommandNode): Promise<string[]> {
  const tables = await node.query<{ name: string }>(
    `select c.oid::regclass::text as name from pg_class as c
      where c.relnamespace = 'shop'::regnamespace and c.relkind in ('r', 'p')`,
  );
  return tables.flatMap(({ name }) => ['-t', name]);
}

/** As the worker does when the tables have their rows. */
async function putForeignKeysBack(leaf: CommandNode): Promise<void> {
  await leaf.query("update londiste.table_info set merge_state = 'ok'");
  await using connection = await leaf.connect();
  await restoreForeignKeys(connection, pino({ level: 'silent' }), new AbortController().signal);
  expect(await leaf.query('select * from londiste.pending_fkeys')).toEqual([]);
}

type Pair = Awaited<ReturnType<typeof openPair>>;

const shops = new Map<string, Promise<Pair>>();

/** A root with objects of every kind that both versions know, and an empty leaf: the same for all tests. */
function shopOf(from: number, to: number): Promise<Pair> {
  const key = `${from} ${to}`;
  const shop = shops.get(key) ?? openShop(from, to);
  shops.set(key, shop);
  return shop;
}

afterAll(async () => {
  for (const shop of shops.values()) await (await shop)[Symbol.asyncDispose]();
});

async function openShop(from: number, to: number): Promise<Pair> {
  await makeRoles(from);
  await makeRoles(to);
  const pair = await openPair(from, to);
  await pair.root.query(EVERY_KIND_OF_10);
  if (from === 18 && to === 18) await pair.root.query(EVERY_KIND_OF_18);
  return pair;
}

describe(noPgDump === undefined ? 'pg_dump -s' : `pg_dump -s: SKIPPED, ${noPgDump}`, () => {
  test.skipIf(noPgDump !== undefined).for([
    [10, 18],
    [18, 18],
    [14, 10],
  ] as const)(
    'of both sides is the same after create-schema from %i to %i, and a second run finds nothing to do',
    async ([from, to]) => {
      await using shop = await openShop(from, to);
      const lines = await shop.leaf.must('create-schema');
      expect(lines.filter((line) => line.includes('not made,'))).toEqual([]);
      const [source, made] = [
        await pgDumpSchema(shop.root.database, WITHOUT_OURS),
        await pgDumpSchema(shop.leaf.database, WITHOUT_OURS),
      ];
      expect(source).toContain('CREATE POLICY narrow ON shop.customer');
      expect(comparable(made)).toBe(comparable(source));
      expect((await shop.leaf.must('create-schema')).at(-1)).toMatch(
        /^0 made, \d+ there already, 0 not made/,
      );
    },
  );

  test.skipIf(noPgDump !== undefined).for([
    [10, 18],
    [18, 18],
  ] as const)('of the tables is the same after add-table --create-full from %i to %i', async ([from, to]) => {
    const { root } = await shopOf(from, to);
    await using leaf = new CommandNode('second', await installedDatabase(to, 'second'));
    await leaf.must('create-leaf', ['second', leaf.conninfo], { provider: root.conninfo });
    await root.must('add-table', [], { all: true });
    await leaf.must('add-table', [], { all: true, createFull: true });
    await putForeignKeysBack(leaf);
    // Views are not made, and pg_dump orders tables by the views on them.
    await root.query('drop materialized view shop.totals; drop view shop.names, shop.grouped cascade');
    if (from === 18) await root.query('drop view shop.careful');
    const tables = await tableArguments(root);
    const source = await pgDumpSchema(root.database, tables);
    const made = await pgDumpSchema(leaf.database, tables);
    expect(source).toContain('CREATE POLICY narrow ON shop.customer');
    expect(comparable(made)).toBe(comparable(source));
  });
});
