import { ReplicateError } from '../errors/replicate-error.js';
import type { Connection } from './connection.js';
import { sqlstateOf } from './sqlstate.js';

export interface SilenceWatchOptions {
  /** Opens a second session with the same server, as the same role. */
  readonly connect: () => Promise<Connection>;
  /** From so long without a byte on an answer is asked for whether it will come; and so long may the question take. */
  readonly silentMs: number;
  /** Told why the session is cut, just before it is. */
  readonly onCut: (reason: string) => void;
}

/** What a second session has found out; `isSure` when it need not be asked again. */
interface Finding {
  readonly reason: string;
  readonly isSure: boolean;
}

/**
 * Cuts a session whose answer cannot come any more: a firewall has forgotten it, or the server's machine has vanished. TCP itself gives up
 * what was sent in vain only after a quarter of an hour. A call on it throws PC203 then. Ends with the session.
 *
 * A second session tells whether the server can be reached, and whether it works for the first one; as long as it does, no answer is too
 * late. A server that cannot be reached is asked twice: it may only be slow. A session that waits for us to read is let be.
 */
export function watchSilence(connection: Connection, options: SilenceWatchOptions): void {
  let bytes = connection.bytesRead;
  let since = performance.now();
  let isProbing = false;
  let isSuspected = false;
  const isSilent = () => {
    if (connection.isWaiting && connection.bytesRead === bytes)
      return performance.now() - since >= options.silentMs;
    bytes = connection.bytesRead;
    since = performance.now();
    isSuspected = false;
    return false;
  };
  const probe = async () => {
    const finding = await findOut(connection, options);
    // It may have answered meanwhile.
    if (finding === undefined || !connection.isOpen || !isSilent()) return;
    if (finding.isSure || isSuspected) {
      options.onCut(finding.reason);
      connection.destroy();
    }
    isSuspected = true;
  };
  const timer = setInterval(
    () => {
      if (!connection.isOpen) clearInterval(timer);
      else if (isSilent() && !isProbing) {
        isProbing = true;
        void probe().finally(() => {
          isProbing = false;
        });
      }
    },
    Math.max(10, options.silentMs / 4),
  );
  timer.unref();
}

/** Why no answer can come; undefined when one may. Never rejects. */
async function findOut(connection: Connection, options: SilenceWatchOptions): Promise<Finding | undefined> {
  const unreachable = { reason: `The server at ${connection.target} cannot be reached.`, isSure: false };
  let limit: NodeJS.Timeout | undefined;
  const late = new Promise<Finding>((resolve) => {
    limit = setTimeout(() => resolve(unreachable), options.silentMs);
  });
  try {
    return await Promise.race([ask(connection, options), late]);
  } catch (error) {
    return isUnreachable(error) ? unreachable : undefined;
  } finally {
    clearTimeout(limit);
  }
}

async function ask(
  { target, backendId }: Connection,
  { connect }: SilenceWatchOptions,
): Promise<Finding | undefined> {
  await using session = await connect();
  const [seen] = await session.query<{ state: string | null }>(
    'select state from pg_stat_activity where pid = $1',
    [backendId],
  );
  if (seen === undefined) return { reason: `The server at ${target} has the session no more.`, isSure: true };
  // In all other states it works, or may not be looked at.
  if (seen.state?.startsWith('idle') !== true) return undefined;
  return { reason: `The server at ${target} has not got what was sent, or we not its answer.`, isSure: true };
}

/** False for a server that has answered, though with a refusal, and for what is lacking on this side. */
function isUnreachable(error: unknown): boolean {
  if (!(error instanceof ReplicateError)) return false;
  const { code, cause } = error;
  if (code === 'PC203') return true;
  const isOwn = ['EMFILE', 'ENFILE', 'ENOBUFS'].includes(
    (cause as NodeJS.ErrnoException | undefined)?.code ?? '',
  );
  return code === 'PC200' && sqlstateOf(cause) === undefined && !isOwn;
}
