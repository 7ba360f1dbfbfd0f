import { expect, test } from 'vitest';
import { canonicalValues } from '../../../src/compare/canonical-value.js';
import type { ValueType } from '../../../src/compare/value-type.js';

const scalar = (oid: number): ValueType => ({ kind: 'scalar', oid });
const SMALLINT = scalar(21);
const BIGINT = scalar(20);
const DOUBLE = scalar(701);
const TEXT = scalar(25);
const CHAR = scalar(1042);
const CITEXT = scalar(98_765);

function both(provider: ValueType, subscriber: ValueType) {
  return canonicalValues({ provider, subscriber }, { provider: 'p', subscriber: 's' });
}

test('integers of any width are the same type', () => {
  expect(both(SMALLINT, BIGINT)).toEqual({ provider: 'p::int8', subscriber: 's::int8' });
});

test('a type that is not known is compared as text, and by its output where the other side has another type', () => {
  expect(both(CITEXT, CITEXT)).toEqual({ provider: 'p::text', subscriber: 's::text' });
  expect(both(CHAR, TEXT).provider).toContain("format('%s', p)");
});

test('only lists that hold floats are taken apart', () => {
  const list = (element: ValueType): ValueType => ({ kind: 'array', element });
  expect(both(list(TEXT), list(TEXT)).provider).toBe('p::text');
  expect(both(list(DOUBLE), list(DOUBLE)).provider).toContain('unnest(p)');
  const place: ValueType = { kind: 'composite', attributes: [{ name: 'at "x"', type: DOUBLE }] };
  expect(both(list(place), list(place)).provider).toContain('(n.e)."at ""x"""');
});

test('composites with another number of attributes are compared as text', () => {
  const composite = (count: number): ValueType => ({
    kind: 'composite',
    attributes: Array.from({ length: count }, (_, i) => ({ name: `a${i}`, type: TEXT })),
  });
  expect(both(composite(1), composite(2)).provider).toBe('p::text');
});
