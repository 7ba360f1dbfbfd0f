import { pino } from 'pino';
import { expect, test } from 'vitest';
import { ReplicateError } from '../../../src/errors/replicate-error.js';
import { FailureStreak } from '../../../src/ticker/failure-streak.js';

function streakWithLog() {
  const lines: string[] = [];
  const log = pino(
    { level: 'trace', formatters: { level: (label) => ({ level: label }) } },
    { write: (line) => void lines.push(line) },
  );
  const levels = (): unknown[] => lines.map((line) => (JSON.parse(line) as { level: string }).level);
  return { streak: new FailureStreak(log, 'Failed'), levels };
}

const lost = new ReplicateError('PC203', 'Lost.');

test('only what is new is logged as a warning, and the end of the trouble once', () => {
  const { streak, levels } = streakWithLog();
  streak.succeeded();
  streak.failed(lost);
  streak.failed(lost);
  streak.failed(new ReplicateError('PC200', 'Cannot connect.'));
  streak.succeeded();
  streak.succeeded();
  expect(levels()).toEqual(['warn', 'debug', 'warn', 'info']);
});

test('pauses grow and begin anew after a success', () => {
  const { streak } = streakWithLog();
  for (let failures = 0; failures < 20; failures++) streak.failed(lost);
  expect(streak.failed(lost)).toBeGreaterThanOrEqual(5000);
  streak.succeeded();
  expect(streak.failed(lost)).toBeLessThanOrEqual(200);
});

test("a server's error is waited out, a bug is not", () => {
  const { streak } = streakWithLog();
  expect(streak.failed(Object.assign(new Error('x'), { code: '42P01' }))).toBeGreaterThan(0);
  expect(() => streak.failed(new TypeError('bug'))).toThrow('bug');
  expect(() => streak.failed(new ReplicateError('PC900', 'bug'))).toThrow('bug');
});
