import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { ConnectionOptions } from 'node:tls';
import { ReplicateError } from '../errors/replicate-error.js';
import { KEYWORDS } from './conninfo-keywords.js';
import { isConninfoUrl, type Keywords, readConninfo } from './conninfo-text.js';
import { lookUpPassword } from './password-file.js';
import { readService } from './service-file.js';
import { tlsOptions } from './tls-options.js';

/** The variables of a process's environment that matter here: `PG*`, HOME, USER. */
export interface Environment {
  readonly HOME?: string | undefined;
  readonly USER?: string | undefined;
  readonly LOGNAME?: string | undefined;
  readonly PGSYSCONFDIR?: string | undefined;
  readonly [name: string]: string | undefined;
}

/** What a connect string, the environment, the password file and the service file together say. */
export interface ConnectionParameters {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
  readonly password?: string | undefined;
  /** Why a password that the operator may have meant is not used: for the message of a refused login. */
  readonly passwordNote?: string | undefined;
  readonly ssl?: boolean | ConnectionOptions | undefined;
  /** 0 waits without end; undefined leaves it to us. */
  readonly connectTimeoutMs?: number | undefined;
  readonly options?: string | undefined;
}

const DEFAULT_PORT = '5432';
const SOCKET_DIRECTORIES = ['/var/run/postgresql', '/tmp'] as const;

/**
 * Reads a libpq connect string, filled up from the service file, the environment, the defaults and the password
 * file, in libpq's order of precedence. Reads files, connects to nothing.
 *
 * Throws PC103, naming the keyword, for what libpq would not accept and for what we cannot do.
 */
export function parseConninfo(text: string, environment: Environment): ConnectionParameters {
  const keyword = resolveKeywords(readConninfo(text), environment);
  const home = environment.HOME;

  const namedHost = keyword('host') || defaultHost();
  const host = keyword('hostaddr') || namedHost;
  const port = keyword('port') || DEFAULT_PORT;
  for (const [name, value] of [
    ['host', host],
    ['host', namedHost],
    ['port', port],
  ] as const) {
    if (value.includes(',')) {
      throw new ReplicateError(
        'PC103',
        `The connect string names several hosts in "${name}"; only one is supported.`,
        {
          keyword: name,
        },
      );
    }
  }
  const user = keyword('user') || environment.USER || environment.LOGNAME;
  if (user === undefined || user === '') {
    throw new ReplicateError('PC103', 'The connect string names no user and the environment has none.', {
      keyword: 'user',
    });
  }
  const database = keyword('dbname') || user;
  const password = resolvePassword(keyword, environment, { host: namedHost, port, database, user });
  return {
    host,
    port: integer('port', port, 1, 65_535),
    database,
    user,
    ...password,
    ssl: tlsOptions(keyword, keyword('host') || host, home),
    connectTimeoutMs: connectTimeoutMs(keyword('connect_timeout')),
    options: keyword('options') || undefined,
  };
}

/** A connect string in a few words for people: host, port and dbname as far as it names them. Never throws. */
export function describeConninfo(text: string): string {
  try {
    const keywords = readConninfo(text);
    const words = ['service', 'host', 'port', 'dbname'].flatMap((name) => {
      const value = keywords.get(name);
      return value === undefined ? [] : [`${name}=${value}`];
    });
    return words.join(' ');
  } catch {
    // It is shown to a person all the same, who sees what is wrong with it.
    return redactConninfo(text);
  }
}

/** A value ends at a space of libpq's, see `readConninfo`. */
const PASSWORD_VALUE =
  /\b((?:ssl)?password[ \t\n\v\f\r]*=[ \t\n\v\f\r]*)(?:'(?:[^'\\]|\\.)*'?|(?:[^ \t\n\v\f\r'\\]|\\.)(?:[^ \t\n\v\f\r\\]|\\.)*)/gis;
/** With what should have been encoded: people write "/" and spaces into passwords. */
const PASSWORD_OF_URL = /\b(postgres(?:ql)?:\/\/[^:@/]*:)(?:[^/]*|(?:(?!:\/\/)\S)*)@/gi;

/** Takes the passwords out of connect strings, wherever they stand in a text. */
export function redactConninfo(text: string): string {
  if (!/password|:\/\//i.test(text)) return text;
  return text.replace(PASSWORD_VALUE, '$1***').replace(PASSWORD_OF_URL, '$1***@');
}

/** The same connect string for another database of the server. Throws PC103 as `readConninfo`. */
export function withDatabase(conninfo: string, database: string): string {
  if (isConninfoUrl(conninfo)) {
    // The last value of a keyword is the one that counts.
    return `${conninfo}${conninfo.includes('?') ? '&' : '?'}dbname=${encodeURIComponent(database)}`;
  }
  // Written anew: behind a value that is left empty, or a backslash at the end, what is appended would be part of it.
  return [...new Map(readConninfo(conninfo)).set('dbname', database)]
    .map(([name, value]) => `${name}='${value.replaceAll(/['\\]/g, '\\$&')}'`)
    .join(' ');
}

/** The value of a keyword: connect string over service over environment. An empty value hides what comes after. */
function resolveKeywords(own: Keywords, environment: Environment): (name: string) => string | undefined {
  const fromText = (name: string): string | undefined => {
    const variable = KEYWORDS.get(name)?.variable;
    return own.get(name) ?? (variable === undefined ? undefined : environment[variable]);
  };
  const service = fromText('service');
  const serviceKeywords =
    service === undefined || service === ''
      ? undefined
      : readService(service, {
          file: fromText('servicefile') || undefined,
          home: environment.HOME,
          systemDirectory: environment.PGSYSCONFDIR,
        });
  for (const name of serviceKeywords?.keys() ?? []) {
    if (!KEYWORDS.has(name)) {
      throw new ReplicateError('PC103', `The service "${service}" has an unknown keyword "${name}".`, {
        keyword: name,
      });
    }
  }
  return (name) => own.get(name) ?? serviceKeywords?.get(name) ?? fromText(name);
}

function resolvePassword(
  keyword: (name: string) => string | undefined,
  environment: Environment,
  key: { host: string; port: string; database: string; user: string },
): { password?: string; passwordNote?: string } {
  const given = keyword('password');
  if (given !== undefined && given !== '') return { password: given };
  const home = environment.HOME;
  const file = keyword('passfile') || (home === undefined ? undefined : join(home, '.pgpass'));
  if (file === undefined) return {};
  // The file calls the socket of this machine localhost.
  const isLocalSocket = SOCKET_DIRECTORIES.some((directory) => directory === key.host);
  const found = lookUpPassword(file, isLocalSocket ? { ...key, host: 'localhost' } : key);
  switch (found.kind) {
    case 'found':
      return { password: found.password };
    case 'refused':
      return { passwordNote: found.note };
    case 'not-found':
      return {};
  }
}

function defaultHost(): string {
  return existsSync(SOCKET_DIRECTORIES[0]) ? SOCKET_DIRECTORIES[0] : SOCKET_DIRECTORIES[1];
}

function connectTimeoutMs(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  // libpq reads a negative number as no limit.
  return Math.max(0, integer('connect_timeout', text, -2_147_483_648, 2_147_483)) * 1000;
}

function integer(name: string, text: string, minimum: number, maximum: number): number {
  const value = /^\s*[-+]?\d+\s*$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isNaN(value) || value < minimum || value > maximum) {
    throw new ReplicateError('PC103', `${name}=${text} in the connect string is not a number that fits.`, {
      keyword: name,
    });
  }
  return value;
}
