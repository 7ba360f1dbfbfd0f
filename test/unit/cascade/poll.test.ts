import { expect, test } from 'vitest';
import { poll } from '../../../src/cascade/poll.js';

test('the first thing that is found is returned', async () => {
  let looks = 0;
  expect(await poll(async () => (++looks === 3 ? 'found' : undefined), { intervalMs: 1 })).toBe('found');
  expect(looks).toBe(3);
});

test('without time there is still one look', async () => {
  expect(await poll(async () => 'found', { intervalMs: 1, timeoutMs: 0 })).toBe('found');
});

test('nothing is returned when the time is up', async () => {
  expect(await poll(async () => undefined, { intervalMs: 1, timeoutMs: 20 })).toBeUndefined();
});

test('there is a last look after the time is up', async () => {
  let looks = 0;
  await poll(async () => void looks++, { intervalMs: 60_000, timeoutMs: 10 });
  expect(looks).toBeGreaterThanOrEqual(2);
});

test('an aborted signal ends the poll before its next look', async () => {
  const stop = new AbortController();
  const looking = poll(
    async () => {
      stop.abort(new Error('stopped'));
      return undefined;
    },
    { intervalMs: 60_000, signal: stop.signal },
  );
  await expect(looking).rejects.toThrow();
});

test('an error of the probe is thrown on', async () => {
  const looking = poll(() => Promise.reject(new Error('broken')), { intervalMs: 1 });
  await expect(looking).rejects.toThrow('broken');
});
