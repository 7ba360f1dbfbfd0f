import fc from 'fast-check';
import { expect, test } from 'vitest';
import { backoffMs } from '../../../src/runtime/backoff.js';

const OPTIONS = { firstMs: 100, limitMs: 10_000 };

test('the pause doubles up to the limit', () => {
  const pauses = [1, 2, 3, 7, 8, 1000].map((failures) => backoffMs(failures, OPTIONS, () => 1));
  expect(pauses).toEqual([100, 200, 400, 6400, 10_000, 10_000]);
});

test('chance takes off at most half', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5000 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (failures, chance) => {
        const longest = backoffMs(failures, OPTIONS, () => 1);
        const pause = backoffMs(failures, OPTIONS, () => chance);
        expect(pause).toBeGreaterThanOrEqual(longest / 2);
        expect(pause).toBeLessThanOrEqual(longest);
      },
    ),
  );
});
