import { expect, test } from 'vitest';
import { cutIntoPieces } from '../../../src/compare/pieces.js';
import type { SidePlan } from '../../../src/compare/table-plan.js';
import { WHOLE_TABLE } from '../../../src/handlers/row-selection.js';

const KEYS = { low: 1n, high: 100n };

function side(fields: { isPartitioned?: boolean; keyCorrelation?: number } = {}): SidePlan {
  return {
    shape: {
      oid: 1,
      destTable: 'public.t',
      isPartitioned: fields.isPartitioned ?? false,
      columns: [],
      keyColumns: ['id'],
      rowCount: 0,
      storage: [],
    },
    selection: WHOLE_TABLE,
    values: [],
    keyValues: ['t."id"::int8'],
    filters: [],
    keyFilters: [],
    keyOrder: undefined,
    bounds: [],
    references: [],
    keyTypes: ['integer'],
    keyReferences: ['t."id"'],
    keyCorrelation: fields.keyCorrelation ?? 1,
  };
}

const four = { pageCount: 40, piecePages: 10 };

test('a small table is one piece', () => {
  expect(cutIntoPieces(side(), 'integer key', { pageCount: 10, piecePages: 10 }, 180_000, KEYS)).toEqual([
    undefined,
  ]);
  expect(cutIntoPieces(side(), 'integer key', { pageCount: 0, piecePages: 10 }, 100_000, KEYS)).toEqual([
    undefined,
  ]);
});

test('a server that can read a range of pages does so, with both ends open', () => {
  expect(cutIntoPieces(side(), 'hash of row', four, 140_000, undefined)).toEqual([
    "t.ctid < '(10,0)'::tid",
    "t.ctid >= '(10,0)'::tid and t.ctid < '(20,0)'::tid",
    "t.ctid >= '(20,0)'::tid and t.ctid < '(30,0)'::tid",
    "t.ctid >= '(30,0)'::tid",
  ]);
});

test('an older server reads ranges of a key that follows the pages, nulls with the first', () => {
  expect(cutIntoPieces(side(), 'integer key', four, 130_000, KEYS)).toEqual([
    '(t."id" < 26 or t."id" is null)',
    't."id" >= 26 and t."id" < 51',
    't."id" >= 51 and t."id" < 76',
    't."id" >= 76',
  ]);
});

test.each([
  ['the key is spread over the pages', side({ keyCorrelation: 0.1 }), 'integer key', KEYS],
  ['the table is partitioned', side({ isPartitioned: true }), 'integer key', KEYS],
  ['the key is no integer', side(), 'hash of key', undefined],
  ['the table is empty', side(), 'integer key', undefined],
] as const)('an older server reads the table at once when %s', (_why, plan, position, keys) => {
  expect(cutIntoPieces(plan, position, four, 130_000, keys)).toEqual([undefined]);
});
