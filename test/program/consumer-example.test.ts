import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openQueue, type QueueFixture } from '../sql/pgq/queue-fixture.js';
import { waitUntil } from '../support/wait-until.js';

const EXAMPLE = fileURLToPath(new URL('../../examples/consumer.js', import.meta.url));

function start(queue: QueueFixture): ChildProcess {
  return spawn(process.execPath, [EXAMPLE, queue.database.url, 'q', 'copier'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}

/** Writes one event per tick, so that a kill meets a batch in any of its states. */
async function writeBatches(queue: QueueFixture, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await queue.write('d');
    await queue.tick();
  }
}

async function copied(queue: QueueFixture): Promise<bigint> {
  return queue.value<bigint>('(select count(*) from public.event_copy)');
}

test('the example, killed and started again, copies every event once', async () => {
  await using queue = await openQueue(18);
  await queue.value("pgq.register_consumer('q', 'copier')");
  await queue.rows(
    'create table public.event_copy (ev_id bigint primary key, ev_time timestamptz, ev_type text, ev_data text)',
  );
  await writeBatches(queue, 150);
  let before = 0n;
  for (let kills = 0; kills < 2; kills++) {
    const doomed = start(queue);
    before = await waitUntil('more events are copied', async () => {
      const now = await copied(queue);
      return now > before + 15n ? now : undefined;
    });
    doomed.kill('SIGKILL');
    await once(doomed, 'exit');
  }
  const last = start(queue);
  await waitUntil('all events are copied', async () => (await copied(queue)) === 150n);
  last.kill('SIGTERM');
  expect(await once(last, 'exit')).toEqual([0, null]);
  expect(
    await queue.rows('select array_agg(ev_id order by ev_id)::text as ids from public.event_copy'),
  ).toEqual(await queue.rows('select array_agg(ev_id order by ev_id)::text as ids from pgq.event_1'));
});
