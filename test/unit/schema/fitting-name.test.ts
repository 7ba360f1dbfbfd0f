import { expect, test } from 'vitest';
import { fittingName } from '../../../src/schema/fitting-name.js';

test('a name that holds the name of the table gets the new one in its place, another one before it', () => {
  expect(fittingName('orders_pkey', 'orders', 'sales')).toBe('sales_pkey');
  expect(fittingName('by_day', 'orders', 'sales')).toBe('sales_by_day');
  expect(fittingName('orders_pkey', 'orders', '$&')).toBe('$&_pkey');
});

test('a name that would be too long is cut to 63 bytes, and two of them stay two', () => {
  const long = 'ä'.repeat(31);
  const one = fittingName('orders_first_index', 'orders', long);
  const other = fittingName('orders_second_index', 'orders', long);
  expect(Buffer.byteLength(one)).toBeLessThanOrEqual(63);
  expect(one).not.toBe(other);
});
