import { readFileSync, statSync } from 'node:fs';

export interface PasswordKey {
  readonly host: string;
  readonly port: string;
  readonly database: string;
  readonly user: string;
}

export type PasswordLookup =
  | { readonly kind: 'found'; readonly password: string }
  | { readonly kind: 'not-found' }
  /** Others than its owner may read the file: libpq does not use it, nor do we. */
  | { readonly kind: 'refused'; readonly note: string };

/** Looks up the password for a connection in a libpq password file. A file that is not there has none. */
export function lookUpPassword(path: string, key: PasswordKey): PasswordLookup {
  let content: string;
  try {
    const stat = statSync(path);
    if (!stat.isFile()) return { kind: 'not-found' };
    if (process.platform !== 'win32' && (stat.mode & 0o077) !== 0) {
      return { kind: 'refused', note: `the password file ${path} is not used: its mode must be 0600` };
    }
    content = readFileSync(path, 'utf8');
  } catch {
    // libpq goes on without a file that it cannot read: the server may ask for no password at all.
    return { kind: 'not-found' };
  }
  const password = findPassword(content, key);
  return password === undefined ? { kind: 'not-found' } : { kind: 'found', password };
}

/** The password of the first line that matches: `host:port:database:user:password`, `*` matches all. */
export function findPassword(content: string, key: PasswordKey): string | undefined {
  for (const line of content.split(/\r?\n/)) {
    if (line === '' || line.startsWith('#')) continue;
    const fields = splitFields(line);
    const [host, port, database, user, password] = fields;
    if (
      matches(host, key.host) &&
      matches(port, key.port) &&
      matches(database, key.database) &&
      matches(user, key.user) &&
      password !== undefined
    ) {
      return unescapeField(password);
    }
  }
  return undefined;
}

/** Splits at colons that no backslash stands before, as written; at most five fields, so a password may hold colons. */
function splitFields(line: string): string[] {
  const fields: string[] = [];
  let start = 0;
  for (let position = 0; position < line.length && fields.length < 4; position++) {
    if (line[position] === '\\') position++;
    else if (line[position] === ':') {
      fields.push(line.slice(start, position));
      start = position + 1;
    }
  }
  return [...fields, line.slice(start)];
}

function matches(field: string | undefined, value: string): boolean {
  return field === '*' || (field !== undefined && unescapeField(field) === value);
}

function unescapeField(field: string): string {
  return field.replace(/\\(.)/gs, '$1');
}
