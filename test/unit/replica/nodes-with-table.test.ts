import { expect, test } from 'vitest';
import { byDistance } from '../../../src/replica/nodes-with-table.js';

test('providers stand before those that read from them, nodes without the table count on the way and are left out', () => {
  const providers = new Map([
    ['leaf', 'lower'],
    ['lower', 'branch'],
    ['branch', 'root'],
    ['other', 'root'],
  ]);
  expect(byDistance(providers, new Set(['other', 'leaf', 'branch']))).toEqual([
    ['branch', 'other'],
    ['leaf'],
  ]);
});

test('nodes that name each other as provider end the way', () => {
  const providers = new Map([
    ['a', 'b'],
    ['b', 'a'],
  ]);
  expect(byDistance(providers, new Set(['a', 'b']))).toEqual([['a', 'b']]);
});
