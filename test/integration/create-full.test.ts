import { describe, expect, test } from 'vitest';
import { freshDatabase, sharedCluster } from '../support/cluster.js';
import { pgDumpSchema, whyNoPgDump } from '../support/pg-dump.js';
import { openPair } from './command-node.js';
import { EVERY_KIND_OF_10, EVERY_KIND_OF_18, ROLES } from './every-kind.js';

const noPgDump = await whyNoPgDump();

/** What is ours, on both sides. */
const OURS = ['pgq', 'pgq_node', 'pgq_ext', 'pgq_coop', 'londiste', 'pgcascade'];
const WITHOUT_OURS = OURS.flatMap((schema) => ['-N', schema]);

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
  return WRITTEN_DIFFERENTLY.reduce((text, [, pattern, replacement]) => text.replaceAll(pattern, replacement), dump);
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

/** A root with objects of every kind that both versions know, and an empty leaf. */
async function openShop(from: number, to: number) {
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
  ] as const)('of both sides is the same after create-schema from %i to %i, and a second run finds nothing to do', async ([
    from,
    to,
  ]) => {
    await using shop = await openShop(from, to);
    const lines = await shop.leaf.must('create-schema');
    expect(lines.filter((line) => line.includes('not made,'))).toEqual([]);
    const [source, made] = [
      await pgDumpSchema(shop.root.database, WITHOUT_OURS),
      await pgDumpSchema(shop.leaf.database, WITHOUT_OURS),
    ];
    expect(comparable(made)).toBe(comparable(source));
    expect((await shop.leaf.must('create-schema')).at(-1)).toMatch(/^0 made, \d+ there already, 0 not made/);
  });
});

void freshDatabase;
