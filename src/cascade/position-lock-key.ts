/**
 * First part of the advisory lock that every batch on a node shares until it commits, and a repair has to itself; the second is
 * `hashtext(queue)`. pgcascade.lock_position takes it too.
 */
export const POSITION_LOCK_CLASS = 1885827454;
