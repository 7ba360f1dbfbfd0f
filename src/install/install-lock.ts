/**
 * The lock that every install holds until its transaction ends: one at a time per database. The same first number
 * as the tick lock of a queue, whose second number, a queue id, is never 0.
 */
export const INSTALL_LOCK_SQL = 'select pg_catalog.pg_advisory_xact_lock(1885827445, 0)';
