import type { Connection } from './connection.js';
import { quoteLiteral } from './identifier.js';
import { sessionSql } from './session.js';

/** Settings of a session by name. */
export type Settings = Readonly<Record<string, string>>;

/**
 * What decides over the meaning of a script's text and over the text of values. A script has on every node those of the
 * session in which it was run first.
 */
const MEANING = [
  'standard_conforming_strings',
  'DateStyle',
  'IntervalStyle',
  'TimeZone',
  'bytea_output',
  'extra_float_digits',
];

/** Whatever the role's or the database's defaults are. */
const FIXED: Settings = {
  client_encoding: 'UTF8',
  statement_timeout: '0',
  idle_in_transaction_session_timeout: '0',
};

export interface ScriptSessionOptions {
  /** Settings of the first run (`ScriptSession.settings`); null on the first run itself. */
  readonly settings: Settings | null;
  /** Longest wait for a lock. */
  readonly lockTimeoutMs: number;
}

/** The session while a script has it. */
export interface ScriptSession {
  /** The settings that every later run of the script has to have: the search path too. */
  readonly settings: Settings;
  readonly standardStrings: boolean;
}

/**
 * Lets `body` run in the session that psql would have, in the open transaction of `tx`: with the defaults of the role and the
 * database, and with `settings` where they are given.
 *
 * When it returns, deferred constraints have been checked, and settings, role and temporary tables of the script are gone:
 * the session is as we open one. When it throws, the transaction has to be rolled back, which does the same.
 */
export async function inScriptSession<T>(
  tx: Connection,
  options: ScriptSessionOptions,
  body: (session: ScriptSession) => Promise<T>,
): Promise<T> {
  const { application } = await tx.one<{ application: string }>(
    "select current_setting('application_name') as application",
  );
  await tx.execute('reset all');
  await set(tx, { ...FIXED, application_name: application, lock_timeout: String(options.lockTimeoutMs) });
  await tx.query(
    "select set_config(name, '0', false) from pg_catalog.pg_settings where name = 'transaction_timeout'",
  );
  if (options.settings !== null) await set(tx, options.settings);
  const settings = await readSettings(tx);
  const result = await body({ settings, standardStrings: settings['standard_conforming_strings'] === 'on' });
  await tx.execute(
    'set constraints all immediate; reset session authorization; reset role; reset all; discard temp',
  );
  await tx.query(sessionSql(application));
  await set(tx, { lock_timeout: String(options.lockTimeoutMs) });
  return result;
}

async function set(tx: Connection, settings: Settings): Promise<void> {
  const calls = Object.entries(settings).map(
    ([name, value]) => `pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`,
  );
  await tx.query(`select ${calls.join(', ')}`);
}

async function readSettings(tx: Connection): Promise<Settings> {
  const { settings, path } = await tx.one<{ settings: string; path: string }>(
    `select (select pg_catalog.json_object_agg(n, pg_catalog.current_setting(n))
               from pg_catalog.unnest($1::text[]) as n)::text as settings,
            pg_catalog.replace(pg_catalog.current_setting('search_path'), '"$user"', pg_catalog.quote_ident(current_user)) as path`,
    [MEANING],
  );
  return { ...(JSON.parse(settings) as Record<string, string>), search_path: path };
}
