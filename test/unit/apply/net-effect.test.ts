import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type KeyOperation, NEXT_EFFECT, netChanges } from '../../../src/apply/net-effect.js';

interface Change {
  readonly operation: KeyOperation;
  readonly key: string;
  /** Stands for the row's other columns. */
  readonly value: number;
}

type Rows = ReadonlyMap<string, number>;

/** What the source did, one change after the other; undefined when it cannot have done that. */
function rowByRow(before: Rows, changes: readonly Change[]): Rows | undefined {
  const rows = new Map(before);
  for (const { operation, key, value } of changes) {
    if (rows.has(key) !== (operation !== 'insert')) return undefined;
    if (operation === 'delete') rows.delete(key);
    else rows.set(key, value);
  }
  return rows;
}

/** Delete, update, insert, each of whole sets; undefined when a row is not as the set needs it. */
function setBased(before: Rows, changes: readonly Change[]): Rows | undefined {
  const net = netChanges(changes);
  if (net === undefined) return undefined;
  const rows = new Map(before);
  if (net.nothing.some(({ key }) => rows.has(key))) return undefined;
  if (![...net.delete, ...net.replace].every(({ key }) => rows.delete(key))) return undefined;
  for (const { key, value } of net.update) {
    if (!rows.has(key)) return undefined;
    rows.set(key, value);
  }
  for (const { key, value } of [...net.insert, ...net.replace]) {
    if (rows.has(key)) return undefined;
    rows.set(key, value);
  }
  return rows;
}

const histories = fc.record({
  before: fc.dictionary(fc.constantFrom('a', 'b', 'c'), fc.nat(9)),
  changes: fc.array(
    fc.record({
      operation: fc.constantFrom<KeyOperation>('insert', 'update', 'delete'),
      key: fc.constantFrom('a', 'b', 'c'),
      value: fc.nat(99),
    }),
    { maxLength: 12 },
  ),
});

/** A history that a source can have done: operations that do not fit the row's state are changed into one that does. */
function madePossible(before: Rows, changes: readonly Change[]): Change[] {
  const there = new Set(before.keys());
  return changes.map((change) => {
    const operation: KeyOperation = there.has(change.key)
      ? change.operation === 'insert'
        ? 'update'
        : change.operation
      : 'insert';
    if (operation === 'delete') there.delete(change.key);
    else there.add(change.key);
    return { ...change, operation };
  });
}

function sorted(rows: Rows | undefined): readonly [string, number][] | undefined {
  return rows === undefined ? undefined : [...rows].toSorted();
}

test('any history ends in the rows of the source, and fails where the source would', () => {
  fc.assert(
    fc.property(histories, ({ before, changes }) => {
      const rows = new Map(Object.entries(before));
      expect(sorted(setBased(rows, changes))).toEqual(sorted(rowByRow(rows, changes)));
    }),
    { numRuns: 10_000 },
  );
});

test('a history that a source has done never has to be done in order', () => {
  fc.assert(
    fc.property(histories, ({ before, changes }) => {
      const rows = new Map(Object.entries(before));
      const possible = madePossible(rows, changes);
      expect(netChanges(possible)).toBeDefined();
      expect(sorted(setBased(rows, possible))).toEqual(sorted(rowByRow(rows, possible)));
    }),
    { numRuns: 10_000 },
  );
});

test('cutting a history into blocks does not change where it ends', () => {
  fc.assert(
    fc.property(histories, fc.nat(12), ({ before, changes }, cut) => {
      const rows = new Map(Object.entries(before));
      const possible = madePossible(rows, changes);
      const first = setBased(rows, possible.slice(0, cut));
      const both = first && setBased(first, possible.slice(cut));
      expect(sorted(both)).toEqual(sorted(setBased(rows, possible)));
    }),
  );
});

test('each key comes out once, with its last change', () => {
  fc.assert(
    fc.property(histories, ({ before, changes }) => {
      const possible = madePossible(new Map(Object.entries(before)), changes);
      const net = netChanges(possible);
      const out = Object.values(net ?? {}).flat() as Change[];
      expect(out.map(({ key }) => key).toSorted()).toEqual(
        [...new Set(possible.map(({ key }) => key))].toSorted(),
      );
      for (const change of out) expect(possible.findLast(({ key }) => key === change.key)).toBe(change);
    }),
  );
});

test('the table says what each operation makes of what is known', () => {
  const cells = Object.entries(NEXT_EFFECT).map(
    ([known, next]) => `${known}: ${next.insert} ${next.update} ${next.delete}`,
  );
  expect(cells).toEqual([
    'unseen: insert update delete',
    'insert: disorder insert nothing',
    'update: disorder update delete',
    'delete: replace disorder disorder',
    'replace: disorder replace delete',
    'nothing: insert disorder disorder',
  ]);
});
