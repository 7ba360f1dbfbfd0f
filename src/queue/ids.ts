import { ReplicateError } from '../errors/replicate-error.js';

/** Ids are bigint, never number: an event id outgrows 2^53 in no lifetime, but a wrong conversion shows at once. */
declare const brand: unique symbol;
type Id<Name extends string> = bigint & { readonly [brand]: Name };

/** A recorded snapshot of one queue; the same id means the same position on every node of the cascade. */
export type TickId = Id<'tick'>;
/** One event of one queue; the same id on every node of the cascade. */
export type EventId = Id<'event'>;
/** A batch that a consumer has open on one database. */
export type BatchId = Id<'batch'>;

export function tickId(value: bigint): TickId {
  return value as TickId;
}

export function eventId(value: bigint): EventId {
  return value as EventId;
}

export function batchId(value: bigint): BatchId {
  return value as BatchId;
}

/** The number that the server wrote as this text: an id, a transaction, a size. Throws PC404 for anything else. */
export function numberOfText(text: string): bigint {
  if (!/^\d{1,19}$/.test(text))
    throw new ReplicateError('PC404', 'An event has an id or a size that is no number.');
  return BigInt(text);
}
