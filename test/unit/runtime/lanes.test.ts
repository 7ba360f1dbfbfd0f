import { expect, test } from 'vitest';
import { Lanes, runInLanes } from '../../../src/runtime/lanes.js';

const NEVER = new AbortController().signal;

/** Work that waits until it is let go. */
function gate(): { opened: Promise<void>; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test('no more work runs at a time than there are lanes, and results keep their order', async () => {
  let running = 0;
  let most = 0;
  const results = await runInLanes([1, 2, 3, 4, 5, 6, 7], 3, NEVER, async (item) => {
    running++;
    most = Math.max(most, running);
    await new Promise((resolve) => setImmediate(resolve));
    running--;
    return item * 10;
  });
  expect(results).toEqual([10, 20, 30, 40, 50, 60, 70]);
  expect(most).toBe(3);
});

test('after a failure nothing is begun, the rest is told to stop, and it is waited for', async () => {
  const begun: number[] = [];
  let isTold = false;
  let hasEnded = false;
  const failure = new Error('second');
  const outcome = runInLanes([1, 2, 3, 4], 2, NEVER, async (item, signal) => {
    begun.push(item);
    if (item === 2) throw failure;
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    isTold = true;
    await new Promise((resolve) => setImmediate(resolve));
    hasEnded = true;
  });
  await expect(outcome).rejects.toBe(failure);
  expect(begun).toEqual([1, 2]);
  expect([isTold, hasEnded]).toEqual([true, true]);
});

test('being stopped from outside throws the reason and begins nothing more', async () => {
  const controller = new AbortController();
  const reason = new Error('stop');
  const begun: number[] = [];
  const outcome = runInLanes([1, 2, 3], 1, controller.signal, async (item) => {
    begun.push(item);
    controller.abort(reason);
  });
  await expect(outcome).rejects.toBe(reason);
  expect(begun).toEqual([1]);
});

test('lanes count what runs and waits, and are idle after it', async () => {
  const lanes = new Lanes(1, NEVER);
  const first = gate();
  const outcomes = [lanes.run(() => first.opened), lanes.run(async () => 'second')];
  expect(lanes.taskCount).toBe(2);
  first.open();
  await lanes.idle();
  expect(lanes.taskCount).toBe(0);
  expect(await Promise.all(outcomes)).toEqual([undefined, 'second']);
});

test('a failed task does not hinder the next', async () => {
  const lanes = new Lanes(1, NEVER);
  await expect(lanes.run(() => Promise.reject(new Error('x')))).rejects.toThrow('x');
  expect(await lanes.run(async () => 1)).toBe(1);
});
