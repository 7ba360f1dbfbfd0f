import type { Writable } from 'node:stream';
import { expect, test } from 'vitest';
import type { QueueEvent } from '../../src/queue/event.js';
import { eventId } from '../../src/queue/ids.js';
import type { LargeEvents } from '../../src/queue/large-events.js';
import { LargeRows } from '../../src/worker/large-rows.js';
import { freshDatabase } from '../support/cluster.js';
import { waitUntil } from '../support/wait-until.js';

/** An error that nobody waits for would end a program: the test's process says it as an unhandled one. */
test('a server that goes away when it has all of a large row is told as an error, once', async () => {
  await using database = await freshDatabase(18, 'cut');
  await using tx = await database.connect();
  await using other = await database.application();
  const { pid } = await tx.one<{ pid: number }>('select pg_backend_pid() as pid');
  await tx.execute('begin');
  let target: Writable | undefined;
  const events = {
    open: () => Promise.resolve(),
    writeTo: async (stream: Writable) => {
      target = stream;
      stream.write('7\tsome text\t\\N\n');
      await waitUntil('the server takes the row', () => stream.writableLength === 0);
      // It takes the end of it only when it has been told to go away.
      process.kill(pid, 'SIGSTOP');
    },
  } as unknown as LargeEvents;
  const staged = new LargeRows(tx, events).stage({ id: eventId(7n) } as QueueEvent);
  const outcome = expect(staged).rejects.toThrow(/terminating connection/);
  try {
    await waitUntil(
      'all of the row is sent',
      () => target?.writableEnded === true && target.writableLength === 0,
    );
    await other.query('select pg_terminate_backend($1)', [pid]);
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  await outcome;
  await waitUntil('the session is gone', () => !tx.isOpen);
});
