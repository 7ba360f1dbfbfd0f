import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';

/**
 * Runs `body` on a session that has to answer in time: PC200 when it does not, and the session is cut then, because
 * a statement may still run in it.
 */
export async function withDeadline<T>(
  connection: Connection,
  deadlineMs: number,
  body: (connection: Connection) => Promise<T>,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      connection.destroy();
      reject(
        new ReplicateError('PC200', `No answer from ${connection.target} within ${deadlineMs / 1000} s.`),
      );
    }, deadlineMs);
  });
  const running = body(connection);
  // Cut off, it fails too; the deadline has told why.
  running.catch(() => undefined);
  try {
    return await Promise.race([running, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
