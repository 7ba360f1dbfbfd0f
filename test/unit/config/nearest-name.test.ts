import { expect, test } from 'vitest';
import { nearestName } from '../../../src/config/nearest-name.js';

const NAMES = ['add-table', 'add-seq', 'remove-table', 'wait-sync', 'tables', 'status'];

test.each([
  ['add-tabel', 'add-table'],
  ['addtable', 'add-table'],
  ['ADD-TABLE', 'add-table'],
  ['table', 'tables'],
  ['sync', undefined],
  ['frobnicate', undefined],
  ['', undefined],
])('%s means %s', (name, meant) => {
  expect(nearestName(name, NAMES)).toBe(meant);
});
