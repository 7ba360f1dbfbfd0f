import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Connection } from '../src/db/connection.js';
import { STOCK_PROGRAMS } from '../test/support/stock-server.js';
import { waitUntil } from '../test/support/wait-until.js';

/** A logical replication slot that is being read. */
export interface Drain {
  /** Returns when all that was written has been decoded and sent. */
  readonly caughtUp: () => Promise<void>;
  readonly stop: () => Promise<void>;
}

const DEADLINE_MS = 120_000;

/**
 * Publishes all tables of the database and reads the slot with pg_recvlogical, which throws away what it gets: decoding
 * is really on, and nobody applies. The reader ends with its server, also when this process dies.
 */
export async function drainSlot(session: Connection, port: number, database: string): Promise<Drain> {
  await session.execute('create publication bench for all tables');
  await session.query("select pg_create_logical_replication_slot('bench', 'pgoutput')");
  const reader = spawn(
    `${STOCK_PROGRAMS}/bin/pg_recvlogical`,
    [
      ...['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '-d', database],
      ...['--slot=bench', '--start', '--no-loop', '-s', '1', '-f', '-'],
      ...['-o', 'proto_version=1', '-o', 'publication_names=bench'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let messages = '';
  reader.stderr.on('data', (data) => {
    messages = `${messages}${data}`.slice(-2_000);
  });
  reader.on('error', (error) => {
    messages += String(error);
  });
  const hasEnded = () => reader.pid === undefined || reader.exitCode !== null || reader.signalCode !== null;
  const sent = async (position: string) => {
    if (hasEnded()) throw new Error(`pg_recvlogical has ended: ${messages.trim()}`);
    const [row] = await session.query<{ arrived: boolean | null }>(
      `select r.sent_lsn >= $1::pg_lsn as arrived
         from pg_replication_slots as s
         join pg_stat_replication as r on r.pid = s.active_pid
        where s.slot_name = 'bench'`,
      [position],
    );
    return row?.arrived;
  };
  return {
    async caughtUp() {
      const { position } = await session.one<{ position: string }>(
        'select pg_current_wal_flush_lsn()::text as position',
      );
      await waitUntil('the slot is drained', () => sent(position), { timeoutMs: DEADLINE_MS });
    },
    async stop() {
      if (hasEnded()) return;
      const ended = once(reader, 'exit');
      reader.kill('SIGINT');
      const timer = setTimeout(() => reader.kill('SIGKILL'), 5_000);
      await ended;
      clearTimeout(timer);
    },
  };
}
