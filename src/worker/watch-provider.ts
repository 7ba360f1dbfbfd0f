import type { Connection } from '../db/connection.js';
import { watchSilence } from '../db/silence-watch.js';
import type { WorkerOptions } from './worker-options.js';

/** So long may an answer of the provider take until another session asks whether it is still at work. */
const SILENT_MS = 30_000;

/** Cuts a session on the provider whose answer cannot come any more, and says so in the log. Ends with the session, or when it is disposed. */
export function watchProvider(
  { connect, consumerName, log, signal }: Pick<WorkerOptions, 'connect' | 'consumerName' | 'log' | 'signal'>,
  connection: Connection,
  location: string,
): Disposable {
  return watchSilence(connection, {
    connect: () => connect(location, { application: `watch/${consumerName}`, signal }),
    silentMs: SILENT_MS,
    onCut: (reason) => log.warn({ reason }, 'No answer from the provider, the connection is cut'),
  });
}
