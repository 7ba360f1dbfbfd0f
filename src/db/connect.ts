import pg from 'pg';
import { ReplicateError } from '../errors/replicate-error.js';
import { Connection } from './connection.js';
import { type ConnectionParameters, type Environment, parseConninfo } from './conninfo.js';
import { sessionSql } from './session.js';
import { SQLSTATE, sqlstateOf } from './sqlstate.js';

const DEFAULT_CONNECT_TIMEOUT_MS = 10_000;
const OLDEST_SERVER = 100_000;
const INT8 = 20;
const KEPT_AS_TEXT = new Set([114, 3802, 1082, 1083, 1114, 1184, 1186, 1266, 1700]);

export interface ConnectOptions {
  /** What the connection is for: becomes `pgcascade/<application>` in pg_stat_activity. */
  readonly application: string;
  readonly signal?: AbortSignal | undefined;
}

/** Opens a session for a connect string. Handed down from the program's entry, which knows the environment. */
export type Connect = (conninfo: string, options: ConnectOptions) => Promise<Connection>;

/** Makes the `connect` of a program whose `PG*` variables, password and service file are those of `environment`. */
export function createConnect(environment: Environment): Connect {
  return async (conninfo, options) => openConnection(parseConninfo(conninfo, environment), options);
}

/**
 * Opens a session in our session state.
 *
 * Throws PC200 when the server cannot be reached in time, PC201 for a wrong password, PC202 for a database that is
 * not there, PC205 for a server that is too old. Never leaves a connection behind when it throws.
 */
export async function openConnection(
  parameters: ConnectionParameters,
  options: ConnectOptions,
): Promise<Connection> {
  options.signal?.throwIfAborted();
  const timeoutMs = parameters.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS;
  const target = describeTarget(parameters);
  const client = new pg.Client({
    host: parameters.host,
    port: parameters.port,
    database: parameters.database,
    user: parameters.user,
    ...(parameters.password === undefined ? {} : { password: parameters.password }),
    ...(parameters.ssl === undefined ? {} : { ssl: parameters.ssl }),
    ...(parameters.options === undefined ? {} : { options: parameters.options }),
    connectionTimeoutMillis: timeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 30_000,
    application_name: `pgcascade/${options.application}`.slice(0, 63),
    types: { getTypeParser },
  });
  // Without a listener a connection that breaks before it is handed out would end the process.
  client.on('error', ignoreUntilHandedOut);
  try {
    await untilAborted(client.connect(), options.signal);
    await client.query(sessionSql(`pgcascade/${options.application}`.slice(0, 63)));
    const result = await client.query(
      "select current_setting('server_version_num')::int4 as version, pg_backend_pid() as backend_id",
    );
    const { version, backend_id } = result.rows[0] as { version: number; backend_id: number };
    if (version < OLDEST_SERVER) {
      throw new ReplicateError('PC205', `The server at ${target} is PostgreSQL ${version / 10_000}.`, {
        version,
      });
    }
    const connection = new Connection(client, { target, serverVersion: version, backendId: backend_id });
    client.off('error', ignoreUntilHandedOut);
    return connection;
  } catch (error) {
    // The cause is thrown on; that a half-open connection ends badly adds nothing.
    void client.end().catch(() => undefined);
    if (options.signal?.aborted) throw error;
    throw explain(error, target, parameters, timeoutMs);
  }
}

function ignoreUntilHandedOut(): void {}

/** The driver cannot be told to give up connecting: the wait ends, and the caller closes the client. */
async function untilAborted(connecting: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) {
    await connecting;
    return;
  }
  let onAbort = ignoreUntilHandedOut;
  const aborted = new Promise<never>((_resolve, reject) => {
    onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
  });
  try {
    await Promise.race([connecting, aborted]);
  } finally {
    signal.removeEventListener('abort', onAbort);
    // When the wait was ended the connection may still fail later; whoever waited has been told why it ended.
    connecting.catch(ignoreUntilHandedOut);
  }
}

/** `host:port/dbname as user`, for messages. */
export function describeTarget(parameters: ConnectionParameters): string {
  return `${parameters.host}:${parameters.port}/${parameters.database} (user ${parameters.user})`;
}

function explain(error: unknown, target: string, parameters: ConnectionParameters, timeoutMs: number): Error {
  if (error instanceof ReplicateError) return error;
  const reason = error instanceof Error ? error.message || (error as { code?: string }).code : String(error);
  const cause = { cause: error };
  switch (sqlstateOf(error)) {
    case SQLSTATE.invalidPassword:
    case SQLSTATE.invalidAuthorization:
      return new ReplicateError(
        'PC201',
        `The server at ${target} refused the login: ${reason}.${hintFor(reason, parameters)}`,
        {},
        cause,
      );
    case SQLSTATE.invalidCatalog:
      return new ReplicateError('PC202', `The server at ${target} answers: ${reason}.`, {}, cause);
    default:
  }
  if (reason?.includes('password must be a string')) {
    return new ReplicateError(
      'PC201',
      `The server at ${target} asks for a password and none is given.${hintFor(reason, parameters)}`,
      {},
      cause,
    );
  }
  const waited = /timeout/i.test(reason ?? '') ? ` within ${timeoutMs / 1000} s` : '';
  const where = parameters.host.startsWith('/') ? 'socket directory' : 'server';
  return new ReplicateError('PC200', `Cannot connect to ${where} ${target}${waited}: ${reason}.`, {}, cause);
}

/** What a person would have to find out: a password file that was passed over, a server that wants TLS. */
function hintFor(reason: string | undefined, parameters: ConnectionParameters): string {
  const wantsTls = reason?.includes('no encryption') === true ? ' Try sslmode=require.' : '';
  return parameters.passwordNote === undefined ? wantsTls : ` ${parameters.passwordNote}${wantsTls}`;
}

function getTypeParser(oid: number, format?: 'text' | 'binary'): (value: string) => unknown {
  if (oid === INT8) return BigInt;
  if (KEPT_AS_TEXT.has(oid)) return keepText;
  return pg.types.getTypeParser(oid, format as 'text');
}

function keepText(value: string): string {
  return value;
}
