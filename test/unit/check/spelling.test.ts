import { expect, test } from 'vitest';
import { plainSpelling } from '../../../src/check/spelling.js';

test.each([
  [`timezone('utc'::text, now())`, `(now() AT TIME ZONE 'utc'::text)`],
  [`(date_part('year'::text, day) > (1900)::double precision)`, `(EXTRACT(year FROM day) > (1900)::numeric)`],
  [`"substring"(a, 1, 2)`, 'SUBSTRING(a FROM 1 FOR 2)'],
  [`"overlay"(a, b, 2)`, 'OVERLAY(a PLACING b FROM 2)'],
  [`("position"(a, 'x'::text) > 0)`, `(POSITION(('x'::text) IN (a)) > 0)`],
  [`("substring"((state)::text, 1, 1) <> 'x'::text)`, `(SUBSTRING(state FROM 1 FOR 1) <> 'x'::text)`],
  [
    `(NOT "overlaps"(a, (a + '1 day'::interval), b, c))`,
    `(NOT ((a, (a + '1 day'::interval)) OVERLAPS (b, c)))`,
  ],
  ['btrim(a)', 'TRIM(BOTH FROM a)'],
  [`ltrim(a, 'x'::text)`, `TRIM(LEADING 'x'::text FROM a)`],
  ['(who = (CURRENT_USER)::text)', '(who = CURRENT_USER)'],
  ['((a) + b)', '(a + b)'],
  [
    `timezone('utc'::text, date_part('day'::text, (a + b)))`,
    `(EXTRACT(day FROM (a + b)) AT TIME ZONE 'utc'::text)`,
  ],
])('%s and %s say the same', (one, other) => {
  expect(plainSpelling(one)).toBe(plainSpelling(other));
});

test.each([
  ['((a OR b) AND c)', '(a OR (b AND c))'],
  [`'it''s (x)'`, `'it''s x'`],
  ['"Odd"', 'odd'],
  ['(a > (1)::numeric)', '(a > 1)'],
  [`timezone('utc'::text, a)`, `timezone('cet'::text, a)`],
  [`timezone(a, b)`, `(a AT TIME ZONE b)`],
  [`(EXTRACT(year FROM a) > (1900)::numeric)`, `(EXTRACT(month FROM a) > (1900)::numeric)`],
  [`"position"('x'::text, a)`, `POSITION(('x'::text) IN (a))`],
  ['((a)::text = b)', '(a = b)'],
  ['("overlaps"(a, b, c, d))', '((a, b) OVERLAPS (d, c))'],
  ['(who = (SESSION_USER)::text)', '(who = CURRENT_USER)'],
])('%s and %s do not', (one, other) => {
  expect(plainSpelling(one)).not.toBe(plainSpelling(other));
});
