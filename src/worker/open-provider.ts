import type { ConnectOptions } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { watchSilence } from '../db/silence-watch.js';
import type { WorkerOptions } from './worker-options.js';

/** So long may an answer of the provider take until another session asks whether it is still at work. */
const SILENT_MS = 30_000;

/** Opens a session on the provider, which is cut, with a line in the log, when an answer cannot come any more. Throws as `connect`. */
export async function openProvider(
  { connect, log }: Pick<WorkerOptions, 'connect' | 'log'>,
  location: string,
  options: ConnectOptions,
): Promise<Connection> {
  const { application } = options;
  const connection = await connect(location, options);
  watchSilence(connection, {
    connect: () => connect(location, { ...options, application: `watch/${application}` }),
    silentMs: SILENT_MS,
    onCut: (reason) =>
      log.warn({ session: application, reason }, 'No answer from the provider, the connection is cut'),
  });
  return connection;
}
