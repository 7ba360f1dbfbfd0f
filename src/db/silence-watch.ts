import { ReplicateError } from '../errors/replicate-error.js';
import type { Connection } from './connection.js';

export interface SilenceWatchOptions {
  /** Opens a second session with the same server, as the same role. */
  readonly connect: () => Promise<Connection>;
  /** From so long without a byte on an answer is asked for whether it will come. */
  readonly silentMs: number;
  /** Told why the session is cut, just before it is. */
  readonly onCut: (reason: string) => void;
}

/**
 * Cuts a session whose answer cannot come any more: a firewall has forgotten it, or the server's machine has vanished. TCP itself gives up
 * what was sent in vain only after a quarter of an hour. A call on it throws PC203 then.
 *
 * A second session tells whether the server can be reached, and whether it works for the first one; as long as it does, no answer is too
 * late. One that waits for us to read is let be. Ends with the session, or when it is disposed.
 */
export function watchSilence(connection: Connection, options: SilenceWatchOptions): Disposable {
  let bytes = connection.bytesRead;
  let since = performance.now();
  let isProbing = false;
  const isSilent = () => {
    if (connection.isWaiting && connection.bytesRead === bytes)
      return performance.now() - since >= options.silentMs;
    bytes = connection.bytesRead;
    since = performance.now();
    return false;
  };
  const timer = setInterval(
    () => {
      if (!connection.isOpen) clearInterval(timer);
      else if (isSilent() && !isProbing) {
        isProbing = true;
        void findReason(connection, options).then((reason) => {
          isProbing = false;
          // It may have answered meanwhile.
          if (reason === undefined || !connection.isOpen || !isSilent()) return;
          options.onCut(reason);
          connection.destroy();
        });
      }
    },
    Math.max(10, options.silentMs / 4),
  );
  timer.unref();
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

/** Why no answer can come; undefined when one may. */
async function findReason(
  { target, backendId }: Connection,
  { connect }: SilenceWatchOptions,
): Promise<string | undefined> {
  try {
    await using probe = await connect();
    const [session] = await probe.query<{ state: string | null }>(
      'select state from pg_stat_activity where pid = $1',
      [backendId],
    );
    if (session === undefined) return `The server at ${target} has the session no more.`;
    // In all other states it works, or may not be looked at.
    return session.state?.startsWith('idle') === true
      ? `The server at ${target} has not got what was sent, or we not its answer.`
      : undefined;
  } catch (error) {
    // Any other answer is one of a server that is there.
    return error instanceof ReplicateError && ['PC200', 'PC203'].includes(error.code)
      ? `The server at ${target} cannot be reached.`
      : undefined;
  }
}
