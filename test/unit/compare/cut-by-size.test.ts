import { expect, test } from 'vitest';
import { cutBySize } from '../../../src/compare/cut-by-size.js';

test.each([
  ['nothing', [], []],
  ['small ones together', [1, 2, 3], [[1, 2, 3]]],
  ['as many as fit', [4, 4, 4, 4, 4], [[4, 4], [4, 4], [4]]],
  ['one that is too large by itself', [1, 50, 1, 9], [[1], [50], [1, 9]]],
])('items are cut into runs of so many bytes: %s', (_what, sizes, runs) => {
  expect(cutBySize(sizes, sizes, 10)).toEqual(runs);
});
