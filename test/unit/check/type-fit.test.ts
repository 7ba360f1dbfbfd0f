import { expect, test } from 'vitest';
import { fits } from '../../../src/check/type-fit.js';

test.each([
  ['integer', 'integer'],
  ['smallint', 'integer'],
  ['integer', 'bigint'],
  ['bigint', 'numeric'],
  ['integer', 'numeric(10,0)'],
  ['integer', 'numeric(12,2)'],
  ['real', 'double precision'],
  ['numeric(10,2)', 'numeric'],
  ['numeric(10,2)', 'numeric(12,4)'],
  ['character varying(80)', 'character varying(81)'],
  ['character varying(80)', 'text'],
  ['text', 'character varying'],
  ['uuid', 'text'],
  ['s.mood', 'text'],
  ['integer[]', 'bigint[]'],
  ['integer[]', 'text'],
  ['timestamp(3) with time zone', 'timestamp with time zone'],
  ['timestamp(3) without time zone', 'timestamp(6) without time zone'],
  ['bit(3)', 'bit varying(3)'],
  ['character(3)', 'character(5)'],
  ['jsonb', 'json'],
])('every %s fits into %s', (from, to) => {
  expect(fits(from, to)).toBe(true);
});

test.each([
  ['bigint', 'integer'],
  ['numeric', 'bigint'],
  ['integer', 'numeric(9,0)'],
  ['integer', 'numeric(10,1)'],
  ['double precision', 'real'],
  ['numeric', 'numeric(10,2)'],
  ['numeric(10,2)', 'numeric(10,3)'],
  ['numeric(10,2)', 'numeric(12,1)'],
  ['character varying(80)', 'character varying(79)'],
  ['text', 'character varying(1000)'],
  ['character(3)', 'text'],
  ['character(3)', 'character'],
  ['integer', 'integer[]'],
  ['integer', 'boolean'],
  ['timestamp without time zone', 'timestamp(3) without time zone'],
  ['timestamp without time zone', 'timestamp with time zone'],
  ['bit(3)', 'bit(4)'],
  ['json', 'jsonb'],
  ['s.mood', 's.other'],
])('not every %s fits into %s', (from, to) => {
  expect(fits(from, to)).toBe(false);
});
