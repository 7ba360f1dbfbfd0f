import { expect, test } from 'vitest';
import { type CompareContext, NOTHING_KEPT_OFF, type TablePair } from '../../../src/check/compare-context.js';
import { compareDatabases } from '../../../src/check/compare-databases.js';
import { NO_HANDLER } from '../../../src/handlers/registry.js';
import type {
  ConstraintObject,
  DatabaseObject,
  DatabaseSchema,
  Privilege,
  SchemaObject,
  TableColumn,
  TableObject,
} from '../../../src/schema/database-object.js';
import { tableObject } from '../../support/table-object.js';

const NAME = { schema: 's', name: 't' };
const PAIR: TablePair = {
  tableName: 's.t',
  there: NAME,
  here: NAME,
  handler: NO_HANDLER,
  ignored: new Set(),
};

function column(name: string, changes: Partial<TableColumn> = {}): TableColumn {
  return {
    name,
    type: 'integer',
    collation: null,
    notNull: null,
    isNotNullAbove: false,
    identity: null,
    generated: null,
    isLocal: true,
    storage: null,
    compression: null,
    statistics: null,
    options: [],
    comment: null,
    ...changes,
  };
}

function table(columns: readonly TableColumn[], changes: Partial<TableObject> = {}): TableObject {
  return tableObject({ columns, ...changes });
}

function check(name: string, definition: string): ConstraintObject {
  return {
    kind: 'check',
    key: `constraint s.t ${name}`,
    address: `pg_constraint:${name}`,
    owner: null,
    comment: null,
    privileges: [],
    table: NAME,
    columns: [],
    name,
    definition,
    options: [],
    tablespace: null,
    indexComment: null,
    isPartitioned: false,
    isClustered: false,
    isReplicaIdentity: false,
    otherTable: null,
    parentIndex: null,
  };
}

function publicSchema(privileges: readonly Privilege[]): SchemaObject {
  return {
    kind: 'schema',
    key: 'schema public',
    address: 'pg_namespace:1',
    owner: 'somebody',
    comment: null,
    privileges,
    name: 'public',
  };
}

function right(privilege: string, changes: Partial<Privilege> = {}): Privilege {
  return { action: 'grant', grantor: 'me', grantee: 'PUBLIC', privilege, grantable: false, ...changes };
}

function database(version: number, objects: readonly DatabaseObject[]): DatabaseSchema {
  return {
    serverVersion: version,
    objects,
    inherited: [],
    needs: new Map([['table s.t', new Set(['schema public'])]]),
  };
}

function compare(
  there: readonly DatabaseObject[],
  here: readonly DatabaseObject[],
  { from = 180_000, to = 180_000, pair = PAIR } = {},
) {
  const context: CompareContext = {
    there: 'root',
    here: 'leaf',
    versionThere: from,
    target: {
      version: to,
      isSuperuser: true,
      roles: new Set(['me', 'you']),
      ownerRoles: new Set(['me', 'you']),
      tablespaces: new Set(),
      role: 'me',
      defaultRights: new Map(),
      keepsAll: false,
    },
    namesHere: new Map(),
    sequences: new Set(),
    keptOff: NOTHING_KEPT_OFF,
    invalidIndexes: new Set(),
  };
  const compared = { tables: [pair], sequences: [], everything: false };
  return compareDatabases(database(from, there), database(to, here), compared, context);
}

const VALID = { name: null, noInherit: false, isValid: true };

test('NOT NULL is one thing, by whatever name, of a child or of a version that has no constraint of it', () => {
  const variants = [
    column('a', { notNull: VALID }),
    column('a', { notNull: { ...VALID, name: 'given' } }),
    column('a', { notNull: null, isNotNullAbove: true }),
  ];
  for (const there of variants) {
    for (const here of variants) expect(compare([table([there])], [table([here])])).toEqual([]);
  }
});

test('what a version cannot have is no difference, or a hint', () => {
  const broken = column('a', { notNull: { ...VALID, isValid: false } });
  expect(compare([table([broken])], [table([column('a')])], { to: 100_000 })).toEqual([]);
  expect(compare([table([broken])], [table([column('a')])])).toEqual([
    expect.objectContaining({ severity: 'differs', what: 'not null' }),
  ]);
  const generated = column('b', { generated: { expression: 'a', stored: true } });
  expect(compare([table([column('a'), generated])], [table([column('a')])], { to: 110_000 })).toEqual([
    expect.objectContaining({ severity: 'hint', what: 'column' }),
  ]);
  expect(
    compare([table([column('a')]), check('c', 'CHECK ((a > 0)) NOT ENFORCED')], [table([column('a')])], {
      to: 170_000,
    }),
  ).toEqual([expect.objectContaining({ severity: 'hint', what: 'check' })]);
  const maintained = table([column('a')], { privileges: [right('MAINTAIN', { grantee: 'you' })] });
  expect(compare([maintained], [table([column('a')])], { to: 160_000 })).toEqual([]);
  expect(compare([maintained], [table([column('a')])])).toEqual([
    expect.objectContaining({ what: 'rights' }),
  ]);
});

test('the rights of PUBLIC on the schema public are those of the version, until somebody changes them', () => {
  const open = publicSchema([right('USAGE'), right('CREATE')]);
  const closed = publicSchema([right('USAGE')]);
  const one = table([column('a')]);
  expect(compare([one, open], [one, closed], { from: 140_000, to: 150_000 })).toEqual([]);
  expect(compare([one, closed], [one, open], { from: 150_000, to: 140_000 })).toEqual([]);
  expect(compare([one, open], [one, closed], { from: 150_000, to: 160_000 })).toEqual([
    expect.objectContaining({ what: 'rights', difference: 'missing' }),
  ]);
  expect(compare([one, closed], [one, publicSchema([])], { from: 140_000, to: 150_000 })).toHaveLength(1);
});

test('who has granted a right, and what the owner is called, does not matter', () => {
  const there = table([column('a')], {
    privileges: [right('SELECT'), right('DELETE', { action: 'revoke', grantee: 'me' })],
  });
  const here = table([column('a')], {
    owner: 'you',
    privileges: [
      right('SELECT', { grantor: 'you' }),
      right('DELETE', { action: 'revoke', grantee: 'you', grantor: 'you' }),
    ],
  });
  expect(compare([there], [here]).map(({ what }) => what)).toEqual(['owner']);
});

test('an owner or grantee that does not exist here is told with the statement that makes it', () => {
  const there = table([column('a')], { owner: 'gone', privileges: [right('SELECT', { grantee: 'left' })] });
  const found = compare([there], [table([column('a')])]);
  expect(found.map(({ mend }) => mend?.statements)).toEqual([
    ['CREATE ROLE "gone"', 'ALTER TABLE "s"."t" OWNER TO "gone"'],
    ['CREATE ROLE "left"', 'GRANT SELECT ON TABLE "s"."t" TO "left"'],
  ]);
});

test('two texts of one check are a doubt that the server settles, and no doubt when more than words differs', () => {
  const one = table([column('a')]);
  const [doubtful] = compare(
    [one, check('c', 'CHECK ((a > 0))')],
    [one, check('c', 'CHECK (((a)::int > 0))')],
  );
  expect(doubtful?.doubt).toEqual({
    kind: 'expressions',
    table: '"s"."t"',
    there: ['(a > 0)'],
    here: ['((a)::int > 0)'],
  });
  const [certain] = compare(
    [one, check('c', 'CHECK ((a > 0))')],
    [one, check('c', 'CHECK ((a > 0)) NOT VALID')],
  );
  expect(certain).toMatchObject({ severity: 'differs', doubt: undefined });
  expect(certain?.mend?.statements).toEqual(['ALTER TABLE "s"."t" VALIDATE CONSTRAINT "c"']);
});

test('a handler that has some columns wants nothing that needs the others', () => {
  const pair = {
    ...PAIR,
    handler: { ...NO_HANDLER, selection: { ...NO_HANDLER.selection, columns: ['a'] } },
  };
  const onB = { ...check('c', 'CHECK ((b > 0))'), columns: ['b'] };
  expect(compare([table([column('a'), column('b')]), onB], [table([column('a')])], { pair })).toEqual([]);
  expect(
    compare([table([column('a'), column('b')])], [table([column('a'), column('b', { notNull: VALID })])], {
      pair,
    }),
  ).toEqual([
    expect.objectContaining({
      severity: 'blocks',
      difference: 'extra',
      message: expect.stringContaining('is not replicated to "leaf"'),
    }),
  ]);
});

test('the order of columns is a hint', () => {
  const found = compare([table([column('a'), column('b')])], [table([column('b'), column('a')])]);
  expect(found).toEqual([expect.objectContaining({ severity: 'hint', what: 'column order' })]);
});
