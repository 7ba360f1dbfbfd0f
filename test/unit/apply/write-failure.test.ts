import { expect, test } from 'vitest';
import { writeFailureOf } from '../../../src/apply/write-failure.js';

test.each(['23505', '23503', '23P01', '55000', '54000', 'P0001', 'PC402'])(
  'SQLSTATE %s says that the rows differ',
  (code) => {
    expect(writeFailureOf({ code, message: 'secret' })).toMatchObject({ code: 'PC402' });
  },
);

test.each(['22001', '22P02', '23502', '23514', '42703', '42P01', '428C9', '0A000'])(
  'SQLSTATE %s says that the table differs',
  (code) => {
    expect(writeFailureOf({ code, message: 'message' })).toMatchObject({ code: 'PC403' });
  },
);

test.each([
  '40P01',
  '40001',
  '55P03',
  '57014',
  '57P01',
  '53100',
  '53200',
  '42501',
  '08006',
  '25P02',
  'XX001',
])('SQLSTATE %s is not the fault of a table', (code) => {
  expect(writeFailureOf({ code })).toBeUndefined();
});

test('an error that is not the server’s is not the fault of a table', () => {
  expect(writeFailureOf(new Error('Connection terminated'))).toBeUndefined();
  expect(writeFailureOf(undefined)).toBeUndefined();
});

test('the message names column and constraint, and the server’s own words only where they hold no value', () => {
  const facts = { column: 'c', constraint: 'k', message: 'value "secret"' };
  expect(writeFailureOf({ code: '22P02', ...facts })?.message).toBe(
    'The row does not fit the table (SQLSTATE 22P02, column c, constraint k).',
  );
  expect(writeFailureOf({ code: '42703', message: 'column "x" does not exist' })?.message).toBe(
    'The row does not fit the table (SQLSTATE 42703, column "x" does not exist).',
  );
});
