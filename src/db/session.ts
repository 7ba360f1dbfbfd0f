/**
 * The settings that every connection of ours starts with (design section 9), so that no value's text depends on
 * the server's or the role's defaults. Sent as start-up options, which costs no round trip.
 */
export const SESSION_SETTINGS: Readonly<Record<string, string>> = {
  client_encoding: 'UTF8',
  DateStyle: 'ISO',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  bytea_output: 'hex',
  lc_monetary: 'C',
  standard_conforming_strings: 'on',
  row_security: 'off',
  search_path: 'pg_catalog',
  statement_timeout: '0',
  lock_timeout: '0',
  idle_in_transaction_session_timeout: '0',
  // A server notices within a minute that a machine is gone, and lets go of what its sessions have locked: by default after two hours.
  tcp_keepalives_idle: '30',
  tcp_keepalives_interval: '10',
  tcp_keepalives_count: '3',
};

/** Floats print exactly at 3 before PostgreSQL 12 and at 1 since; 3 is accepted by both. */
export const EXTRA_FLOAT_DIGITS = '3';

/**
 * A commit that the server forgets in a crash, after its end was reported to another server, is a lost position.
 * `off` may stand in a database's or role's settings; every stronger setting is left as it is.
 */
const SURVIVE_CRASH = `pg_catalog.set_config('synchronous_commit', case pg_catalog.current_setting('synchronous_commit') when 'off' then 'local' else pg_catalog.current_setting('synchronous_commit') end, false)`;

/** Known from PostgreSQL 17 on; copies and large batches take their time. */
const NO_TRANSACTION_TIMEOUT = `(select pg_catalog.set_config(s.name, '0', false) from pg_catalog.pg_settings as s where s.name = 'transaction_timeout')`;

/** The SQL that puts a connection into our session state. `application` is at most 63 bytes. */
export function sessionSql(application: string): string {
  const settings = {
    ...SESSION_SETTINGS,
    extra_float_digits: EXTRA_FLOAT_DIGITS,
    application_name: application,
  };
  const calls = Object.entries(settings).map(
    ([name, value]) => `pg_catalog.set_config('${name}', '${value.replaceAll("'", "''")}', false)`,
  );
  return `select ${calls.join(', ')}, ${SURVIVE_CRASH}, ${NO_TRANSACTION_TIMEOUT}`;
}
