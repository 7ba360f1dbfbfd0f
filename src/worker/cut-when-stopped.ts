import type { Connection } from '../db/connection.js';

const PATIENCE_MS = 5_000;

/**
 * Cuts sessions some seconds after the worker was told to stop: a batch may end, but the locks of others or a silent server are not
 * waited for. Until it is disposed of.
 */
export function cutWhenStopped(
  signal: AbortSignal,
  ...sessions: readonly Pick<Connection, 'destroy'>[]
): Disposable {
  const cut = () =>
    void setTimeout(() => {
      for (const session of sessions) session.destroy();
    }, PATIENCE_MS).unref();
  if (signal.aborted) cut();
  else signal.addEventListener('abort', cut, { once: true });
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', cut) };
}
