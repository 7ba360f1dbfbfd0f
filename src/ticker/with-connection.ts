import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { sleep } from '../runtime/sleep.js';

/** How long a server may take to say goodbye. */
const CLOSE_DEADLINE_MS = 1000;

/**
 * Opens a connection for the work and closes it after. When the signal is aborted the connection is cut, so that the
 * work ends at once whatever it waits for; the server then ends or undoes the statement that runs.
 */
export async function withConnection<T>(
  connect: Connect,
  conninfo: string,
  application: string,
  signal: AbortSignal,
  work: (connection: Connection) => Promise<T>,
): Promise<T> {
  const connection = await untilAborted(connect(conninfo, { application, signal }), signal);
  const cut = (): void => connection.destroy();
  signal.addEventListener('abort', cut, { once: true });
  try {
    return await work(connection);
  } finally {
    signal.removeEventListener('abort', cut);
    if (connection.isOpen) await Promise.race([connection.close(), sleep(CLOSE_DEADLINE_MS)]);
    connection.destroy();
  }
}

/** Waits for a connection, but not longer than the signal lasts; one that comes too late is closed. */
async function untilAborted(opening: Promise<Connection>, signal: AbortSignal): Promise<Connection> {
  let onAbort = (): void => undefined;
  const aborted = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    return await Promise.race([opening, aborted]);
  } catch (error) {
    // Nobody waits for it any more: neither for the connection nor for the reason why there is none.
    opening.then((connection) => connection.destroy()).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
