import { expect, test } from 'vitest';
import { makeSchedule } from './make-schedule.js';
import { parseSchedule } from './schedule.js';
import { shrink } from './shrink.js';

const LIST = Array.from({ length: 12 }, (_, no) => no);

test.each([[[]], [[5]], [[0, 11]], [[1, 2, 7]], [LIST]])(
  'a failure that needs the steps %j is shrunk to them',
  async (needed) => {
    const asked: string[] = [];
    const found = await shrink(LIST, async (candidate) => {
      asked.push(candidate.join());
      return needed.every((step) => candidate.includes(step));
    });
    expect(found).toEqual(needed);
    expect(asked.length).toBeLessThan(80);
  },
);

test('a seed makes the same schedule each time, and its JSON is that schedule', () => {
  for (let seed = 1; seed < 200; seed++) {
    const schedule = makeSchedule(seed);
    expect(makeSchedule(seed)).toEqual(schedule);
    expect(parseSchedule(JSON.stringify(schedule))).toEqual(schedule);
  }
  expect(makeSchedule(1)).not.toEqual(makeSchedule(2));
});
