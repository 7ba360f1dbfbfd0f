import { expect, test } from 'vitest';
import { sleep } from '../../../src/runtime/sleep.js';

test('a sleep that nobody ends returns true', async () => {
  expect(await sleep(1)).toBe(true);
  expect(await sleep(-1, new AbortController().signal)).toBe(true);
});

test('a sleep ends with false as soon as it is told to', async () => {
  const controller = new AbortController();
  const sleeping = sleep(1_000_000, controller.signal);
  controller.abort();
  expect(await sleeping).toBe(false);
  expect(await sleep(1_000_000, controller.signal)).toBe(false);
});
