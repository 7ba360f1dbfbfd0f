import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type ApiAnswer, callApi } from './call-api.js';
import { poll } from './poll.js';

const POLL_MS = 100;

export interface PauseOptions {
  readonly queueName: string;
  readonly workerName: string;
  readonly paused: boolean;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Pauses or resumes a node's worker and waits until the worker has seen it: a paused worker has then finished its
 * batch and touches nothing. May be repeated.
 *
 * Throws PC306 when the worker does not answer in time; the wish stays recorded and holds when the worker starts.
 */
export async function setWorkerPaused(connection: Connection, options: PauseOptions): Promise<void> {
  const { queueName, workerName, paused, timeoutMs, signal } = options;
  await callApi(connection, 'pgq_node.set_consumer_paused', [queueName, workerName, paused], {
    404: 'PC300',
  });
  const seen = await poll(
    async () => {
      const state = await callApi<ApiAnswer & { uptodate: boolean }>(
        connection,
        'pgq_node.get_consumer_state',
        [queueName, workerName],
        { 404: 'PC300' },
      );
      return state.uptodate ? true : undefined;
    },
    { intervalMs: POLL_MS, timeoutMs, signal },
  );
  if (seen !== undefined) return;
  throw new ReplicateError(
    'PC306',
    `The worker "${workerName}" did not answer within ${timeoutMs / 1000} s; it stays marked as ` +
      `${paused ? 'paused' : 'not paused'}.`,
    { workerName },
  );
}
