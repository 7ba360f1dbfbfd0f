import { expect, test } from 'vitest';
import { describeDifferences } from '../../../src/worker/compare-shapes.js';

const id = { name: 'id', type: 'integer' };

test('columns that only one side has, and other types, are named with both types', () => {
  const there = [id, { name: 'v', type: 'bigint' }, { name: 'note', type: 'text' }];
  const here = [id, { name: 'v', type: 'integer' }, { name: 'old', type: 'date' }];
  expect(describeDifferences(there, here)).toEqual([
    'Only the provider has: note text.',
    'Only this node has: old date.',
    'Other types: v is bigint there and integer here.',
  ]);
});

test('nothing is said of equal tables, nor of one that is missing', () => {
  expect(describeDifferences([id], [id])).toEqual([]);
  expect(describeDifferences([id], [])).toEqual([]);
});
