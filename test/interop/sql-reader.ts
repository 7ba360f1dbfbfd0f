import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../src/db/connection.js';
import type { FreshDatabase } from '../support/cluster.js';

const POLL_MS = 20;

/** A consumer in plain SQL that writes what it gets into `seen`. */
export interface SqlReader extends AsyncDisposable {
  /** Ends it after its batch. Throws what it failed with. */
  stop(): Promise<void>;
}

/** Starts consumer `c` of queue `q`; the event with the text `retry` is retried the first time. */
export function readInto(database: FreshDatabase, options: { readonly retry?: string } = {}): SqlReader {
  let isStopped = false;
  const running = (async () => {
    await using session = await database.application();
    while (!isStopped) if (!(await readBatch(session, options.retry ?? ''))) await sleep(POLL_MS);
  })();
  // Thrown by `stop`; a failed test may never call it.
  running.catch(() => undefined);
  const stop = async () => {
    isStopped = true;
    await running;
  };
  return {
    stop,
    [Symbol.asyncDispose]: async () => {
      await stop().catch(() => undefined);
    },
  };
}

/** One batch in one transaction. False when there is none. */
async function readBatch(session: Connection, retry: string): Promise<boolean> {
  return session.transaction(async (tx) => {
    const { batch } = await tx.one<{ batch: bigint | null }>("select pgq.next_batch('q', 'c') as batch");
    if (batch === null) return false;
    await tx.query(
      `insert into public.seen (data, retry, batch, reader)
       select ev_data, coalesce(ev_retry, 0), $1, 'sql' from pgq.get_batch_events($1)`,
      [batch],
    );
    await tx.query(
      `select pgq.event_retry($1, ev_id, 0) from pgq.get_batch_events($1)
        where ev_data = $2 and ev_retry is null`,
      [batch, retry],
    );
    await tx.query('select pgq.finish_batch($1)', [batch]);
    return true;
  });
}
