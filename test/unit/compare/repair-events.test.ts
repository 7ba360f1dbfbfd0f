import { expect, test } from 'vitest';
import { withAlikeTogether } from '../../../src/compare/recheck.js';
import { planRepairs, repairEvents, withoutUpdates } from '../../../src/compare/repair-events.js';
import { repairStatement } from '../../../src/compare/repair-statements.js';
import type { NamedRow } from '../../../src/compare/rows-by-key.js';
import type { TablePlan } from '../../../src/compare/table-plan.js';

const row = (at: number, key: string | null, value: string, rows = 1n): NamedRow => ({
  at,
  rowHash: `hash ${key} ${value}`,
  key: key === null ? null : [key],
  texts: [key, value],
  valueHashes: [`h${key}`, `h${value}`],
  rows,
});
const named = (...keys: string[]) => keys.map((key) => ({ key: [key], rowHash: null }));
const kinds = (repairs: readonly { readonly kind: string }[]) => repairs.map(({ kind }) => kind);

test('a row is inserted, updated, deleted or left alone by what both sides have under its key', () => {
  const { repairs, unclear } = planRepairs(
    'public.t',
    named('1', '2', '3', '4', '5'),
    {
      provider: [row(0, '1', 'a'), row(1, '2', 'a'), row(3, '4', 'a')],
      subscriber: [row(1, '2', 'b'), row(2, '3', 'b'), row(3, '4', 'a')],
    },
    new Set(),
  );
  expect(kinds(repairs)).toEqual(['insert', 'update', 'delete']);
  expect(unclear).toEqual([]);
});

test('keys that are equal in two writings are one row, whose key is written anew', () => {
  const both = {
    provider: [row(0, 'Abc', 'v'), row(1, 'Abc', 'v')],
    subscriber: [row(0, 'abc', 'v'), row(1, 'abc', 'v')],
  };
  const { repairs } = planRepairs('public.t', named('Abc', 'abc'), both, new Set());
  expect(kinds(repairs)).toEqual(['delete', 'insert']);
});

test('a key of several rows, or of none that can be named, is left alone', () => {
  const twice = { provider: [row(0, '1', 'a')], subscriber: [row(0, '1', 'a'), row(0, '1', 'b')] };
  expect(planRepairs('public.t', named('1'), twice, new Set())).toEqual({ repairs: [], unclear: [['1']] });
  const empty = planRepairs(
    'public.t',
    [{ key: [null], rowHash: null }],
    { provider: [], subscriber: [] },
    new Set(),
  );
  expect(empty.unclear).toEqual([[null]]);
});

test('without a key as many rows are written or deleted as one side has more', () => {
  const names = [
    { key: null, rowHash: 'a' },
    { key: null, rowHash: 'b' },
  ];
  const rows = {
    provider: [row(0, null, 'a', 3n)],
    subscriber: [row(0, null, 'a', 1n), row(1, null, 'b', 2n)],
  };
  expect(kinds(planRepairs('public.t', names, rows, new Set()).repairs)).toEqual([
    'insert',
    'insert',
    'delete',
    'delete',
  ]);
});

const PLAN = {
  tableName: 'public.odd.name',
  keyColumns: ['id'],
  columns: [
    { name: 'id', isGenerated: false, isIdentityAlways: true },
    { name: 'v', isGenerated: false, isIdentityAlways: false },
  ],
  sides: { subscriber: { shape: { destTable: 'public.odd.name', isPartitioned: false } } },
} as unknown as TablePlan;

test('repairs are events of the queue, an update where it must be as a delete and an insert', () => {
  const update = { kind: 'update' as const, row: row(0, '1', "it's"), old: row(0, '1', 'b') };
  const [event] = repairEvents(PLAN, [update]);
  expect(event?.type).toBe('{"op":"UPDATE","table":["public","odd.name"],"pkey":["id"]}');
  expect(event?.data).toBe('{"id":"1","v":"it\'s"}');
  expect(kinds(withoutUpdates([update]))).toEqual(['delete', 'insert']);
  expect(repairStatement(PLAN, update)).toBe(
    `update only "public"."odd.name" set "v" = 'it''s' where "id" = '1';`,
  );
  expect(repairStatement(PLAN, { kind: 'insert', row: row(0, '1', 'a\\b') })).toBe(
    `insert into "public"."odd.name" ("id", "v") overriding system value values ('1', E'a\\\\b');`,
  );
});

test('a row without a key that is named several times is written once for each copy that lacks', () => {
  const names = [1, 2, 3].map(() => ({ key: null, rowHash: 'a' }));
  const rows = {
    provider: [row(0, null, 'a', 3n), row(1, null, 'a', 3n), row(2, null, 'a', 3n)],
    subscriber: [],
  };
  const seen = new Set<string>();
  expect(kinds(planRepairs('public.t', names, rows, seen).repairs)).toEqual(['insert', 'insert', 'insert']);
  expect(planRepairs('public.t', names, rows, seen).repairs).toEqual([]);
});

test('rows that are alike are one difference', () => {
  const one = { kind: 'missing', key: null, rowHash: 'a', rows: 1n } as const;
  expect(withAlikeTogether([one, one, { ...one, rowHash: 'b' }])).toEqual([
    { ...one, rows: 2n },
    { ...one, rowHash: 'b' },
  ]);
});
