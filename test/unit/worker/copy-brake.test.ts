import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import { CopyBrake } from '../../../src/worker/copy-brake.js';
import { waitUntil } from '../../support/wait-until.js';

const log = pino({ level: 'silent' });

/** A provider whose standby is so far behind. */
function provider(lagMs: () => number, seen: { open: number; looks: number }): () => Promise<Connection> {
  return async () => {
    seen.open++;
    const session = {
      one: async () => {
        seen.looks++;
        return { lag_ms: lagMs() };
      },
      async [Symbol.asyncDispose]() {
        seen.open--;
      },
    };
    return session as unknown as Connection;
  };
}

test('copies are slow while the provider is behind, and only then', async () => {
  let lagMs = 0;
  const seen = { open: 0, looks: 0 };
  const brake = new CopyBrake({ lagMs: 1000, latencyMs: 0 }, log);
  const signal = new AbortController().signal;
  await brake.during(
    provider(() => lagMs, seen),
    async () => {
      await brake.take(1_000_000_000, signal);
      await waitUntil('it has looked', () => seen.looks > 1);
      expect(brake.reason).toBeUndefined();
      lagMs = 1500;
      await waitUntil('the lag is seen', () => brake.reason !== undefined);
      expect(brake.reason).toContain('1500 ms behind');
      const stop = new AbortController();
      const taking = brake.take(1_000_000_000, stop.signal);
      stop.abort(new Error('told to stop'));
      await expect(taking).rejects.toThrow('told to stop');
      lagMs = 10;
      await waitUntil('the lag is gone', () => brake.reason === undefined);
    },
  );
  expect(seen.open).toBe(0);
});

test('several copies look with one session, until the last one ends', async () => {
  const seen = { open: 0, looks: 0 };
  const brake = new CopyBrake({ lagMs: 1000, latencyMs: 0 }, log);
  let endFirst: () => void = () => undefined;
  let endSecond: () => void = () => undefined;
  const lag = { ms: 500 };
  const first = brake.during(
    provider(() => lag.ms, seen),
    () =>
      new Promise<void>((end) => {
        endFirst = end;
      }),
  );
  const second = brake.during(
    provider(() => lag.ms, seen),
    () =>
      new Promise<void>((end) => {
        endSecond = end;
      }),
  );
  await waitUntil('it has looked', () => seen.looks > 1);
  lag.ms = 2000;
  await waitUntil('the lag is seen', () => brake.reason !== undefined);
  expect(seen.open).toBe(1);
  endFirst();
  await first;
  expect(brake.reason).toBeDefined();
  endSecond();
  await second;
  expect(brake.reason).toBeUndefined();
  expect(seen.open).toBe(0);
});

test('without limits nothing is looked at, and a provider that cannot be looked at slows nothing', async () => {
  const seen = { open: 0, looks: 0 };
  const open = async (): Promise<Connection> => {
    seen.open++;
    throw new Error('refused');
  };
  expect(await new CopyBrake({ lagMs: 0, latencyMs: 0 }, log).during(open, async () => 7)).toBe(7);
  expect(seen.open).toBe(0);
  const brake = new CopyBrake({ lagMs: 1, latencyMs: 1 }, log);
  expect(await brake.during(open, async () => 8)).toBe(8);
  expect(seen.open).toBe(1);
  expect(brake.reason).toBeUndefined();
});
