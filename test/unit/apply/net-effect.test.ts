import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  type EffectTable,
  type KeyOperation,
  NEXT_EFFECT,
  type NextEffect,
  netChanges,
} from '../../../src/apply/net-effect.js';

interface Change {
  readonly operation: KeyOperation;
  readonly key: string;
  /** Stands for the row's other columns. */
  readonly value: number;
}

interface Row {
  readonly value: number;
  /** Stands for the columns that no event has: a new row has their defaults, an update leaves them alone. */
  readonly isNew: boolean;
}

type Rows = ReadonlyMap<string, Row>;

/** What the source did, one change after the other; undefined when it cannot have done that. */
function rowByRow(before: Rows, changes: readonly Change[]): Rows | undefined {
  const rows = new Map(before);
  for (const { operation, key, value } of changes) {
    if (rows.has(key) !== (operation !== 'insert')) return undefined;
    if (operation === 'delete') rows.delete(key);
    else rows.set(key, { value, isNew: rows.get(key)?.isNew ?? true });
  }
  return rows;
}

/** Delete, update, insert, each of whole sets; undefined when a row is not as the set needs it. */
function setBased(before: Rows, changes: readonly Change[], effects = NEXT_EFFECT): Rows | undefined {
  const net = netChanges(changes, effects);
  if (net === undefined) return undefined;
  const rows = new Map(before);
  if (net.nothing.some(({ key }) => rows.has(key))) return undefined;
  if (![...net.delete, ...net.replace].every(({ key }) => rows.delete(key))) return undefined;
  for (const { key, value } of net.update) {
    const row = rows.get(key);
    if (row === undefined) return undefined;
    rows.set(key, { ...row, value });
  }
  for (const { key, value } of [...net.insert, ...net.replace]) {
    if (rows.has(key)) return undefined;
    rows.set(key, { value, isNew: true });
  }
  return rows;
}

const histories = fc.record({
  before: fc.dictionary(
    fc.constantFrom('a', 'b', 'c'),
    fc.nat(9).map((value): Row => ({ value, isNew: false })),
  ),
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

function sorted(rows: Rows | undefined): readonly [string, Row][] | undefined {
  return rows === undefined ? undefined : [...rows].toSorted();
}

/** What the combination table has to keep, for any history and for those that a source can have done. */
const PROPERTIES = {
  'any history ends in the rows of the source, and fails where the source would': (effects: EffectTable) =>
    fc.property(histories, ({ before, changes }) => {
      const rows = new Map(Object.entries(before));
      expect(sorted(setBased(rows, changes, effects))).toEqual(sorted(rowByRow(rows, changes)));
    }),
  'a history that a source has done never has to be done in order': (effects: EffectTable) =>
    fc.property(histories, ({ before, changes }) => {
      const rows = new Map(Object.entries(before));
      const possible = madePossible(rows, changes);
      expect(netChanges(possible, effects)).toBeDefined();
      expect(sorted(setBased(rows, possible, effects))).toEqual(sorted(rowByRow(rows, possible)));
    }),
};

for (const [name, property] of Object.entries(PROPERTIES)) {
  test(name, () => fc.assert(property(NEXT_EFFECT), { numRuns: 10_000 }));
}

/** Tables with one wrong cell each. */
function* wrongTables(): Generator<readonly [name: string, effects: EffectTable]> {
  const all: readonly NextEffect[] = ['insert', 'update', 'delete', 'replace', 'nothing', 'disorder'];
  for (const known of Object.keys(NEXT_EFFECT) as (keyof EffectTable)[]) {
    for (const operation of ['insert', 'update', 'delete'] as const) {
      for (const wrong of all.filter((next) => next !== NEXT_EFFECT[known][operation])) {
        const row = { ...NEXT_EFFECT[known], [operation]: wrong };
        yield [`${known} and ${operation} make ${wrong}`, { ...NEXT_EFFECT, [known]: row }];
      }
    }
  }
}

test('a table with any one cell wrong is found out', () => {
  const unnoticed = [...wrongTables()].filter(
    ([, effects]) =>
      !Object.values(PROPERTIES).some(
        (property) => fc.check(property(effects), { numRuns: 10_000, endOnFailure: true }).failed,
      ),
  );
  expect(unnoticed.map(([name]) => name)).toEqual([]);
  expect([...wrongTables()]).toHaveLength(90);
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
