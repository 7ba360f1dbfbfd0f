/**
 * First part of the advisory lock, on the provider, of a parked table that is repaired; the second is
 * `hashtext(parkedLockText(…))`. While it is held the worker leaves the table's consumer alone.
 */
export const PARKED_LOCK_CLASS = 1885827455;

export function parkedLockText(queueName: string, copyConsumer: string): string {
  return `${queueName}/${copyConsumer}`;
}
