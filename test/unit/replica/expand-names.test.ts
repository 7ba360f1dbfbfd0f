import { describe, expect, test } from 'vitest';
import { expandNames, isPattern, literalName } from '../../../src/replica/expand-names.js';

const KNOWN = [
  'public.orders',
  'public.Orders',
  'public.order_lines',
  'public.Mixed.Case',
  'sales.orders',
  'Mixed.Other',
  'public.odd*name',
  'public.we"ird',
];

describe('a typed name', () => {
  test.each([
    ['without a schema is one of public', 'order_lines', 'public.order_lines'],
    ['with a schema is taken as it is', 'sales.orders', 'sales.orders'],
    ['counts as written before it is folded', 'Orders', 'public.Orders'],
    ['with a dot may be a table of public', 'Mixed.Case', 'public.Mixed.Case'],
    ['with a dot is first a schema and a table', 'Mixed.Other', 'Mixed.Other'],
    ['is folded to lower case as the last resort', 'Sales.ORDERS', 'sales.orders'],
    ['may be quoted', '"Orders"', 'public.Orders'],
    ['may be quoted with its schema', '"public"."Mixed.Case"', 'public.Mixed.Case'],
    ['may be quoted in part; the rest is folded', 'PUBLIC."Orders"', 'public.Orders'],
    ['may hold a doubled quote', '"we""ird"', 'public.we"ird'],
    ['that looks like a pattern is first a name', 'odd*name', 'public.odd*name'],
  ])('%s', (_what, arg, name) => {
    expect(expandNames([arg], KNOWN)).toEqual({ names: [name], unknown: [] });
  });

  test('that is quoted is not folded', () => {
    expect(expandNames(['"ORDERS"'], KNOWN)).toEqual({ names: [], unknown: ['"ORDERS"'] });
  });

  test('that matches nothing is reported as it was typed', () => {
    expect(expandNames(['order', 'orders'], KNOWN)).toEqual({ names: ['public.orders'], unknown: ['order'] });
  });

  test('that comes twice is taken once', () => {
    expect(expandNames(['orders', 'public.orders', 'order*'], KNOWN).names).toEqual([
      'public.orders',
      'public.order_lines',
    ]);
  });
});

describe('a pattern', () => {
  test('without a schema stays in public', () => {
    expect(expandNames(['*'], KNOWN).names).not.toContain('sales.orders');
  });

  test('with a schema goes where it says', () => {
    expect(expandNames(['*.orders'], KNOWN).names).toEqual(['public.orders', 'sales.orders']);
  });

  test('takes ? for exactly one character', () => {
    expect(expandNames(['?rders'], KNOWN).names).toEqual(['public.orders', 'public.Orders']);
  });

  test('takes no other character for more than itself', () => {
    expect(expandNames(['publicXorders*', '[o]rders*'], KNOWN).names).toEqual([]);
  });

  test('that matches nothing is reported', () => {
    expect(expandNames(['x*'], KNOWN)).toEqual({ names: [], unknown: ['x*'] });
  });

  test('is none when it is quoted', () => {
    expect(isPattern('"a*"')).toBe(false);
    expect(isPattern('a*')).toBe(true);
  });
});

test('a name that need not exist gets the schema public', () => {
  expect(literalName('t')).toBe('public.t');
  expect(literalName('s.T')).toBe('s.T');
  expect(literalName('"Q.x"')).toBe('public.Q.x');
});
