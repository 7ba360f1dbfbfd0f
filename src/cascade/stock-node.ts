import type { Connection } from '../db/connection.js';
import { callApi } from './call-api.js';
import type { Member } from './member-sessions.js';
import { setWorkerPaused } from './pause-worker.js';

/**
 * A node of the stock Londiste cannot do what ours does: see by itself that its provider or its role has changed. Its worker has to
 * stand still meanwhile, at the tick at which it is registered.
 */
export async function isStockNode(connection: Connection): Promise<boolean> {
  const { found } = await connection.one<{ found: boolean }>(
    "select to_regprocedure('pgcascade.worker_state(text, text)') is not null as found",
  );
  return !found;
}

/**
 * Pauses the worker of a stock node and waits until it stands still. Whoever calls this ends the pause, in the transaction that
 * changes the node, by `resumeStockWorker`.
 *
 * Throws PC306 when the worker does not answer in time; it is not paused then.
 */
export async function pauseStockWorker(
  { connection, node }: Member,
  options: { readonly timeoutMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  const { queueName, workerName } = node;
  try {
    await setWorkerPaused(connection, { ...options, queueName, workerName, paused: true });
  } catch (error) {
    if (connection.isOpen) await resumeStockWorker(connection, queueName, workerName);
    throw error;
  }
}

/** Ends the pause; the worker sees it in its own time. May be repeated. */
export async function resumeStockWorker(
  connection: Connection,
  queueName: string,
  workerName: string,
): Promise<void> {
  await callApi(connection, 'pgq_node.set_consumer_paused', [queueName, workerName, false]);
}
