import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type KeyOperation, NEXT_PARTIAL_EFFECT, netChanges } from '../../../src/apply/net-effect.js';

/*
 * A model of one provider and a subscriber that has only the rows that match: what the net effect of a block makes of
 * the subscriber must be the matching rows of the provider after it.
 */

interface Action {
  readonly key: string;
  readonly matches: boolean;
  readonly value: number;
  readonly isDelete: boolean;
}

type Rows = Map<string, { matches: boolean; value: number }>;

interface Change {
  readonly operation: KeyOperation;
  readonly key: string;
  readonly value: number;
}

const action = fc.record({
  key: fc.constantFrom('1', '2', '3'),
  matches: fc.boolean(),
  value: fc.integer(),
  isDelete: fc.boolean(),
});

/** Runs actions on the provider; returns the changes that reach the subscriber. */
function run(provider: Rows, actions: readonly Action[]): Change[] {
  return actions.flatMap(({ key, matches, value, isDelete }): Change[] => {
    const isThere = provider.has(key);
    if (isDelete) {
      if (!isThere) return [];
      provider.delete(key);
      return [{ operation: 'delete', key, value }];
    }
    provider.set(key, { matches, value });
    if (matches) return [{ operation: isThere ? 'update' : 'insert', key, value }];
    return isThere ? [{ operation: 'delete', key, value }] : [];
  });
}

function matching(provider: Rows): Map<string, number> {
  return new Map([...provider].filter(([, row]) => row.matches).map(([key, row]) => [key, row.value]));
}

function sorted(rows: ReadonlyMap<string, number>) {
  return [...rows].sort(([a], [b]) => a.localeCompare(b));
}

test('the net effect on a part of a table leaves exactly the rows that match', () => {
  fc.assert(
    fc.property(fc.array(action), fc.array(action), (before, block) => {
      const provider: Rows = new Map();
      run(provider, before);
      const here = matching(provider);
      const net = netChanges(run(provider, block), NEXT_PARTIAL_EFFECT);
      expect(net).toBeDefined();
      if (net === undefined) return;
      for (const { key } of net.nothing) expect(here.has(key)).toBe(false);
      for (const { key } of [...net.delete, ...net.replace]) here.delete(key);
      for (const { key, value } of net.update) here.set(key, value);
      for (const { key, value } of [...net.insert, ...net.replace]) {
        expect(here.has(key)).toBe(false);
        here.set(key, value);
      }
      expect(sorted(here)).toEqual(sorted(matching(provider)));
    }),
    { numRuns: 2_000 },
  );
});
