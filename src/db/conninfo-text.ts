import { ReplicateError } from '../errors/replicate-error.js';
import { KEYWORDS } from './conninfo-keywords.js';

/** The keywords that a connect string names, with their values. */
export type Keywords = ReadonlyMap<string, string>;

const URL_START = /^postgres(?:ql)?:\/\//;

/**
 * Reads a connect string in either form of libpq: `keyword=value …` or `postgresql://…`.
 *
 * Throws PC103 for a form or a keyword that libpq does not know. No error shows a value: it may be a password.
 */
export function readConninfo(text: string): Keywords {
  const keywords = isConninfoUrl(text) ? readUrl(text.replace(URL_START, '')) : readKeywordValues(text);
  for (const [name, value] of keywords) checkKeyword(name, value);
  return keywords;
}

/** True for the form `postgresql://…`. */
export function isConninfoUrl(text: string): boolean {
  return URL_START.test(text);
}

function checkKeyword(name: string, value: string): void {
  const keyword = KEYWORDS.get(name);
  if (keyword === undefined) {
    throw new ReplicateError('PC103', `The connect string has an unknown keyword "${name}".`, {
      keyword: name,
    });
  }
  // In the message that opens a session a NUL ends a value, and what follows is taken for the next setting.
  if (value.includes('\0')) {
    throw new ReplicateError('PC103', `The connect string has a NUL character in "${name}".`, {
      keyword: name,
    });
  }
  if (typeof keyword.use === 'object' && !keyword.use.accepted.includes(value)) {
    throw new ReplicateError('PC103', `${name}=${value} is not supported in a connect string.`, {
      keyword: name,
    });
  }
}

function readKeywordValues(text: string): Map<string, string> {
  const keywords = new Map<string, string>();
  let position = 0;
  let previous: string | undefined;
  const skipSpaces = (): void => {
    while (position < text.length && isSpace(text[position])) position++;
  };
  for (skipSpaces(); position < text.length; skipSpaces()) {
    const start = position;
    while (position < text.length && text[position] !== '=' && !isSpace(text[position])) position++;
    const name = text.slice(start, position);
    skipSpaces();
    if (text[position] !== '=' || name === '') {
      const where = previous === undefined ? 'at its start' : `after the value of "${previous}"`;
      throw new ReplicateError('PC103', `The connect string has a word without "keyword=" ${where}.`);
    }
    position++;
    skipSpaces();
    const value = readValue(text, position, name);
    keywords.set(name, value.text);
    position = value.end;
    previous = name;
  }
  return keywords;
}

function readValue(text: string, start: number, name: string): { text: string; end: number } {
  const quoted = text[start] === "'";
  let position = quoted ? start + 1 : start;
  let value = '';
  for (; position < text.length; position++) {
    const character = text[position] as string;
    if (character === '\\') {
      position++;
      value += text[position] ?? '';
    } else if (quoted ? character === "'" : isSpace(character)) {
      return { text: value, end: position + 1 };
    } else {
      value += character;
    }
  }
  if (quoted) {
    throw new ReplicateError('PC103', `The connect string has no closing quote after "${name}=".`, {
      keyword: name,
    });
  }
  return { text: value, end: position };
}

/** What libpq takes for a space: another one, such as the one that does not break, may stand in a password. */
export function isSpace(character: string | undefined): boolean {
  return character !== undefined && ' \t\n\v\f\r'.includes(character);
}

/** Reads what follows `postgresql://`. */
function readUrl(rest: string): Map<string, string> {
  const keywords = new Map<string, string>();
  const queryStart = rest.indexOf('?');
  const beforeQuery = queryStart < 0 ? rest : rest.slice(0, queryStart);
  const query = queryStart < 0 ? '' : rest.slice(queryStart + 1);

  const slash = beforeQuery.indexOf('/');
  const authority = slash < 0 ? beforeQuery : beforeQuery.slice(0, slash);
  const database = slash < 0 ? '' : beforeQuery.slice(slash + 1);
  const at = authority.lastIndexOf('@');
  if (at < 0 && slash < 0 && /^[^/]*@/.test(query)) {
    // libpq would take all of it for user and password.
    throw new ReplicateError(
      'PC103',
      'The connect string has a "?" before an "@": in a user or password it is written "%3F"; else write "/?" and "%40".',
    );
  }
  const [user, ...passwordParts] = at < 0 ? [''] : authority.slice(0, at).split(':');
  setDecoded(keywords, 'user', user ?? '');
  setDecoded(keywords, 'password', passwordParts.join(':'));
  readHostAndPort(keywords, authority.slice(at + 1));
  setDecoded(keywords, 'dbname', database);

  for (const parameter of query.split('&')) {
    if (parameter === '') continue;
    const equals = parameter.indexOf('=');
    if (equals < 1) {
      throw new ReplicateError('PC103', 'The connect string has a query parameter without "name=".');
    }
    const name = decode(parameter.slice(0, equals), 'query');
    const value = decode(parameter.slice(equals + 1), name);
    // As JDBC writes it; libpq reads it the same way.
    if (name === 'ssl' && value === 'true') keywords.set('sslmode', 'require');
    else keywords.set(name, value);
  }
  return keywords;
}

function readHostAndPort(keywords: Map<string, string>, text: string): void {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::([^:]*))?$/.exec(text);
  if (match === null && !text.includes(',')) {
    throw new ReplicateError(
      'PC103',
      'The connect string has a host that cannot be read; an IPv6 address stands in brackets.',
    );
  }
  setDecoded(keywords, 'host', match === null ? text : (match[1] ?? match[2] ?? ''));
  setDecoded(keywords, 'port', match?.[3] ?? '');
}

function setDecoded(keywords: Map<string, string>, name: string, text: string): void {
  if (text !== '') keywords.set(name, decode(text, name));
}

function decode(text: string, name: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new ReplicateError(
      'PC103',
      `The connect string has a wrong percent sequence in "${name}"; a "%" is written "%25".`,
      { keyword: name },
      { cause },
    );
  }
}
