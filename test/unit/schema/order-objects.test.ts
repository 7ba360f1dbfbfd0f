import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { DatabaseObject } from '../../../src/schema/database-object.js';
import { orderObjects } from '../../../src/schema/order-objects.js';

function object(kind: 'schema' | 'table' | 'unsupported', key: string): DatabaseObject {
  const base = { key, address: '', owner: null, comment: null, privileges: [] };
  return kind === 'schema' ? { ...base, kind, name: key } : { ...base, kind: 'unsupported', reason: kind };
}

function keys(objects: readonly DatabaseObject[]): string[] {
  return objects.map(({ key }) => key);
}

test('an object comes after what it needs, and else by kind and name', () => {
  const objects = [object('unsupported', 'b'), object('unsupported', 'a'), object('schema', 'z')];
  expect(keys(orderObjects(objects, new Map()))).toEqual(['z', 'a', 'b']);
  expect(keys(orderObjects(objects, new Map([['z', new Set(['b'])]])))).toEqual(['a', 'b', 'z']);
});

test('objects that need each other are all there, once', () => {
  const objects = [object('table', 'a'), object('table', 'b'), object('table', 'c')];
  const circle = new Map([
    ['a', new Set(['b'])],
    ['b', new Set(['a'])],
    ['c', new Set(['b'])],
  ]);
  expect(keys(orderObjects(objects, circle))).toEqual(['a', 'b', 'c']);
});

test('of any objects without a circle none comes before one that it needs, whatever order they were read in', () => {
  const graph = fc.integer({ min: 1, max: 40 }).chain((count) =>
    fc.record({
      count: fc.constant(count),
      edges: fc.array(fc.tuple(fc.nat(count - 1), fc.nat(count - 1)), { maxLength: 120 }),
      shuffle: fc.shuffledSubarray(
        Array.from({ length: count }, (_, n) => n),
        { minLength: count },
      ),
    }),
  );
  fc.assert(
    fc.property(graph, ({ count, edges, shuffle }) => {
      const needs = new Map<string, Set<string>>();
      for (const [one, other] of edges) {
        if (one === other) continue;
        const key = `k${Math.max(one, other)}`;
        needs.set(key, (needs.get(key) ?? new Set()).add(`k${Math.min(one, other)}`));
      }
      const ordered = keys(
        orderObjects(
          shuffle.map((n) => object('table', `k${n}`)),
          needs,
        ),
      );
      const sorted = keys(
        orderObjects(
          Array.from({ length: count }, (_, n) => object('table', `k${n}`)),
          needs,
        ),
      );
      expect(ordered).toEqual(sorted);
      for (const [key, needed] of needs) {
        for (const other of needed) expect(ordered.indexOf(other)).toBeLessThan(ordered.indexOf(key));
      }
    }),
  );
});
