import { expect, test } from 'vitest';
import type { SyncProgress, TableProgress } from '../../../src/replica/sync-progress.js';
import type { TableState } from '../../../src/replica/table-state.js';
import { decide, waitSync } from '../../../src/replica/wait-sync.js';

function table(name: string, state: TableState): TableProgress {
  return { name, state, copy: undefined };
}

function progress(tables: readonly TableProgress[], more: Partial<SyncProgress> = {}): SyncProgress {
  return { tables, isWorkerSeen: false, workerError: null, fingerprint: JSON.stringify(tables), ...more };
}

const ok = table('public.a', { kind: 'ok' });
const waiting = table('public.b', { kind: 'waiting' });
const parked = table('public.c', { kind: 'parked', errorCode: 'PC402', message: '', isWaiting: false });

test('all tables in sync is the only answer that means yes', () => {
  expect(decide(progress([ok]), true)).toEqual({ kind: 'in-sync', tableCount: 1 });
  expect(decide(progress([ok, waiting]), false)).toBeUndefined();
});

test('a node without tables is not in sync', () => {
  expect(decide(progress([]), false)).toEqual({ kind: 'no-tables' });
});

test('a parked table ends the wait though others are on their way', () => {
  expect(decide(progress([ok, waiting, parked]), false)).toEqual({ kind: 'parked', tables: [parked] });
});

test('a worker that is silent and not seen ends the wait', async () => {
  const outcome = await waitSync({
    read: async () => progress([ok, waiting]),
    onProgress: () => undefined,
    silenceMs: 300,
  });
  expect(outcome).toEqual({ kind: 'no-worker', waiting: [waiting] });
});

test('a worker that is connected may be silent', async () => {
  let looks = 0;
  const outcome = await waitSync({
    read: async () => progress([looks++ < 4 ? waiting : ok], { isWorkerSeen: true }),
    onProgress: () => undefined,
    silenceMs: 100,
  });
  expect(outcome).toEqual({ kind: 'in-sync', tableCount: 1 });
});

test('the time is up even though the worker is at work', async () => {
  const outcome = await waitSync({
    read: async () => progress([waiting], { isWorkerSeen: true }),
    onProgress: () => undefined,
    timeoutMs: 200,
    silenceMs: 60_000,
  });
  expect(outcome).toEqual({ kind: 'timeout', waiting: [waiting], isWorkerSeen: true });
});

test('the wait ends with the signal', async () => {
  const stop = new AbortController();
  const wait = waitSync({
    read: async () => progress([waiting], { isWorkerSeen: true }),
    onProgress: () => stop.abort(new Error('stopped')),
    silenceMs: 60_000,
    signal: stop.signal,
  });
  await expect(wait).rejects.toThrow();
});
