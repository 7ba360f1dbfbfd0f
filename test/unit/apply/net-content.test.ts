import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ContentChange, netContent } from '../../../src/apply/net-content.js';

const row = fc.constantFrom('a', 'b', 'c');
const change: fc.Arbitrary<ContentChange> = fc.oneof(
  fc.record({ operation: fc.constant('insert' as const), row, oldRow: fc.constant(null) }),
  fc.record({ operation: fc.constant('delete' as const), row, oldRow: fc.constant(null) }),
  fc.record({ operation: fc.constant('update' as const), row, oldRow: row }),
);

/** Takes one copy of each row out; undefined when one is not there. */
function without(rows: readonly string[], gone: readonly string[]): string[] | undefined {
  const left = [...rows];
  for (const one of gone) {
    const at = left.indexOf(one);
    if (at < 0) return undefined;
    left.splice(at, 1);
  }
  return left;
}

function rowByRow(before: readonly string[], changes: readonly ContentChange[]): string[] | undefined {
  let rows: string[] | undefined = [...before];
  for (const { operation, row: changed, oldRow } of changes) {
    const gone = operation === 'insert' ? [] : [operation === 'delete' ? changed : (oldRow ?? '')];
    rows = without(rows, gone);
    if (rows === undefined) return undefined;
    if (operation !== 'delete') rows.push(changed);
  }
  return rows.toSorted();
}

test('any history ends in the rows of the source, and fails where the source would', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 4 }), fc.array(change, { maxLength: 10 }), (before, changes) => {
      const { deletes, inserts } = netContent(changes);
      const rows = without(before, deletes);
      expect(rows && [...rows, ...inserts].toSorted()).toEqual(rowByRow(before, changes));
    }),
    { numRuns: 10_000 },
  );
});

test('a row that comes and goes within the block is not written', () => {
  expect(
    netContent([
      { operation: 'insert', row: 'a', oldRow: null },
      { operation: 'update', row: 'b', oldRow: 'a' },
      { operation: 'delete', row: 'b', oldRow: null },
    ]),
  ).toEqual({ deletes: [], inserts: [] });
});
