import { PassThrough } from 'node:stream';
import { expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import type { QueueEvent } from '../../../src/queue/event.js';
import { eventId } from '../../../src/queue/ids.js';
import type { LargeEvents } from '../../../src/queue/large-events.js';
import { LargeRows } from '../../../src/worker/large-rows.js';

const EVENT = { id: eventId(7n), largeBytes: 2_000_000 } as QueueEvent;

test('a provider that fails in the middle of a row leaves no COPY open on the subscriber', async () => {
  const stream = new PassThrough();
  const tx = { execute: () => Promise.resolve(0), copyFrom: () => stream } as unknown as Connection;
  const events = {
    open: () => Promise.resolve(),
    writeTo: () => Promise.reject(new Error('the provider is gone')),
  } as unknown as LargeEvents;
  await expect(new LargeRows(tx, events).stage(EVENT)).rejects.toThrow('the provider is gone');
  expect(stream.destroyed).toBe(true);
});

test('a provider that cannot be reached is found out before a COPY is begun', async () => {
  let isBegun = false;
  const copyFrom = () => {
    isBegun = true;
    return new PassThrough();
  };
  const tx = { execute: () => Promise.resolve(0), copyFrom } as unknown as Connection;
  const events = { open: () => Promise.reject(new Error('refused')) } as unknown as LargeEvents;
  await expect(new LargeRows(tx, events).stage(EVENT)).rejects.toThrow('refused');
  expect(isBegun).toBe(false);
});
