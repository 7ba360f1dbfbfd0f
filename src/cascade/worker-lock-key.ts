/**
 * First part of the advisory lock that a running worker holds on its own database; the second is
 * `hashtext(workerLockText(…))`. Whoever sees the lock sees that the worker is at work.
 */
export const WORKER_LOCK_CLASS = 1885827447;

export function workerLockText(queueName: string, consumerName: string): string {
  return `${queueName}/${consumerName}`;
}
