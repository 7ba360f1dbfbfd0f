import { expect, test } from 'vitest';
import { defaultPartName, periodStart, readPartTime } from '../../../src/handlers/partition-period.js';
import { fillTemplate } from '../../../src/handlers/text-template.js';

const name = (text: string, toUtc: boolean) => {
  const time = readPartTime(text, toUtc);
  return time === undefined ? undefined : fillTemplate(defaultPartName('hour'), { parent: 's.t', ...time });
};

test.each([
  ['2020-01-31', true, 's.t_2020_01_31_00'],
  ['2020-01-31 23:59:59.999999', true, 's.t_2020_01_31_23'],
  ['2020-01-31T23:59:59', true, 's.t_2020_01_31_23'],
  ['2020-01-31 23:30:00+00', true, 's.t_2020_01_31_23'],
  ['2020-12-31 23:30:00-01', true, 's.t_2021_01_01_00'],
  ['2020-01-01 05:10:00+05:30', true, 's.t_2019_12_31_23'],
  ['2020-01-01 05:10:00+0530', true, 's.t_2019_12_31_23'],
  // A column without time zone takes the first 19 characters.
  ['2020-12-31 23:30:00-01', false, 's.t_2020_12_31_23'],
])('the time %s is in the partition of its hour', (text, toUtc, expected) => {
  expect(name(text, toUtc)).toBe(expected);
});

test.each(['', 'infinity', '-infinity', '0044-03-15 BC', '20200101', '12020-01-01', 'now'])(
  '%j is no time that a partition could be of',
  (text) => {
    expect(readPartTime(text, true)).toBeUndefined();
  },
);

test('a period starts at its first moment', () => {
  const time = { year: '2020', month: '02', day: '29', hour: '13' };
  expect(periodStart(time, 'hour')).toBe('2020-02-29 13:00:00');
  expect(periodStart(time, 'day')).toBe('2020-02-29 00:00:00');
  expect(periodStart(time, 'month')).toBe('2020-02-01 00:00:00');
  expect(periodStart(time, 'year')).toBe('2020-01-01 00:00:00');
});

test('a percent sign is written twice in a template', () => {
  expect(fillTemplate("%(a)s is 100%% '%(a)s' %", { a: 'x' })).toBe("x is 100% 'x' %");
});
