import fc from 'fast-check';
import { expect } from 'vitest';
import { describeConninfo, parseConninfo, redactConninfo, withDatabase } from '../../../src/db/conninfo.js';
import { KEYWORDS } from '../../../src/db/conninfo-keywords.js';
import { readConninfo } from '../../../src/db/conninfo-text.js';
import { findPassword } from '../../../src/db/password-file.js';
import { findService } from '../../../src/db/service-file.js';
import { openLog } from '../../../src/runtime/log.js';
import { fuzz, fuzzLong, unlessRefused } from '../../support/fuzz.js';
import { hostileText, mutated, PIECES, text } from '../../support/hostile.js';

const words = hostileText.map((all) => all.replaceAll('\0', ''));
const anyKeyword = fc.constantFrom(
  ...[...KEYWORDS].filter(([, { use }]) => typeof use === 'string').map(([name]) => name),
);
const keywords = fc.uniqueArray(fc.tuple(anyKeyword, words), { maxLength: 5, selector: ([name]) => name });
const spaces = text([' ', '\t', '\n', '\v', '\f', '\r'], { maxLength: 2 });

/** As the documentation of libpq says it. */
function write(all: readonly (readonly [string, string])[], space: string): string {
  return (
    all
      .map(([name, value], i) => {
        const isBare = value !== '' && (i + value.length) % 2 === 0;
        const escaped = isBare
          ? value.replaceAll(/[ \t\n\v\f\r'\\]/g, '\\$&')
          : `'${value.replaceAll(/['\\]/g, '\\$&')}'`;
        return `${space}${name}${space}=${space}${escaped}`;
      })
      .join(' ') + space
  );
}

function writeUrl(all: ReadonlyMap<string, string>): string {
  const rest = new Map([...all].map(([name, value]) => [name, encodeURIComponent(value)]));
  const take = (name: string, before: string, after = ''): string => {
    const value = rest.get(name) ?? '';
    if (value === '') return '';
    rest.delete(name);
    return before + value + after;
  };
  const hasUser = (all.get('user') ?? '') !== '';
  const user = hasUser ? `${take('user', '')}${take('password', ':')}@` : '';
  const place = `${take('host', '')}${take('port', ':')}${take('dbname', '/')}`;
  const query = [...rest].map(([name, value]) => `${name}=${value}`).join('&');
  return `postgresql://${user}${place || '/'}${query === '' ? '' : `?${query}`}`;
}

fuzz('a connect string of keywords says what was written', [keywords, spaces], (all, space) => {
  expect([...readConninfo(write(all, space))]).toEqual(all);
});

fuzz('a connect string as URL says what was written', [keywords], (all) => {
  expect(new Map(readConninfo(writeUrl(new Map(all))))).toEqual(new Map(all));
});

const PAIR =
  /[ \t\n\v\f\r]*([^=\s]+|[^= \t\n\v\f\r]+)[ \t\n\v\f\r]*=[ \t\n\v\f\r]*(?:'((?:[^'\\]|\\.)*)'|(?!')((?:[^ \t\n\v\f\r\\]|\\.)*)\\?)/sy;

/** The pairs of a connect string of keywords; undefined when it is none. */
function readModel(all: string): Map<string, string> | undefined {
  const pairs = new Map<string, string>();
  let end = 0;
  while (/[^ \t\n\v\f\r]/.test(all.slice(end))) {
    PAIR.lastIndex = end;
    const found = PAIR.exec(all);
    if (found === null) return undefined;
    const [, name = '', quoted, bare = ''] = found;
    pairs.set(name, (quoted ?? bare).replaceAll(/\\(.)/gs, '$1'));
    end = PAIR.lastIndex;
  }
  return pairs;
}

const conninfos = fc.tuple(keywords, spaces).map(([all, space]) => write(all, space));

fuzz(
  'a broken connect string of keywords is read by the rules, or refused',
  [mutated(conninfos, [...PIECES, ' a=', "='", 'host=h', "'a'port=1"])],
  (all) => {
    fc.pre(!/^postgres(?:ql)?:\/\//.test(all));
    const found = unlessRefused('PC103', () => readConninfo(all))?.value;
    const expected = readModel(all);
    if (found !== undefined) return expect(new Map(found)).toEqual(expected);
    const isGood = ([name, value]: [string, string]) =>
      KEYWORDS.get(name)?.use !== undefined &&
      typeof KEYWORDS.get(name)?.use === 'string' &&
      !value.includes('\0');
    expect(expected === undefined || ![...expected].every(isGood)).toBe(true);
  },
  { examples: [['password=a\u00a0b'], ['user=a\0database\0b']] },
);

const urls = keywords.map((all) => writeUrl(new Map(all)));

const URL_PARTS =
  /^postgres(?:ql)?:\/\/(?:(?<user>[^:/?]*)(?::(?<password>[^/?]*))?@)?(?:\[(?<address>[^\]/?]*)\]|(?<name>[^/:?@]*))(?::(?<port>[^/:?@]*))?(?:\/(?<dbname>[^?]*))?(?:\?(?<query>.*))?$/s;

/** The keywords of a URL; undefined when it is none. Throws for what is not well encoded. */
function readUrlModel(all: string): Map<string, string> | undefined {
  const groups = URL_PARTS.exec(all)?.groups as Record<string, string | undefined> | undefined;
  if (groups === undefined) return undefined;
  const { user, password, address, name, port, dbname, query = '' } = groups;
  const said: [string, string][] = Object.entries({
    user,
    password,
    host: address ?? name,
    port,
    dbname,
  }).map(([keyword, value]) => [keyword, value ?? '']);
  const asked = query
    .split('&')
    .filter((part) => part !== '')
    .map((part) => part.split(/=(.*)/s).slice(0, 2) as [string, string]);
  const pairs = [...said.filter(([, value]) => value !== ''), ...asked].map(
    (pair) => pair.map(decodeURIComponent) as [string, string],
  );
  return new Map(
    pairs.map(([keyword, value]) =>
      keyword === 'ssl' && value === 'true' ? ['sslmode', 'require'] : [keyword, value],
    ),
  );
}

fuzz(
  'a broken URL is read by the rules, or refused',
  [mutated(urls, [...PIECES, 'postgresql://', 'u:p@', '?user=', '[::1]', '%40'])],
  (all) => {
    fc.pre(/^postgres(?:ql)?:\/\//.test(all));
    const found = unlessRefused('PC103', () => readConninfo(all))?.value;
    // Several hosts are refused later.
    if (found === undefined || found.get('host')?.includes(',') === true) return;
    expect(new Map(found)).toEqual(readUrlModel(all));
    expect([...found.values()].join()).not.toContain('\0');
  },
  { examples: [['postgresql://u:a:b@h/d'], ['postgresql://u:12?user=b@h/d'], ['postgresql://u:p%00x@h/d']] },
);

fuzz(
  'connection parameters are whole, or refused',
  [fc.oneof(mutated(conninfos), mutated(urls))],
  (all) => {
    fc.pre(!/service|file|cert|key|crl/.test(all));
    const found = unlessRefused('PC103', () => parseConninfo(all, { USER: 'ann' }))?.value;
    if (found === undefined) return;
    expect(found.port).toSatisfy((port: number) => Number.isInteger(port) && port > 0 && port < 65_536);
    for (const value of [found.host, found.database, found.user]) expect(value).not.toBe('');
    expect(parseConninfo(withDatabase(all, "a'\\ %&"), { USER: 'ann' })).toEqual({
      ...found,
      database: "a'\\ %&",
    });
  },
  { examples: [['host=h password='], ['host=a\\']] },
);

/** A password that shows itself wherever a piece of it is seen: `geheim` stands at every place of it that could be cut off. */
const secret = fc
  .array(fc.constantFrom(...PIECES.filter((piece) => !/[a-z\0]/i.test(piece))), {
    minLength: 1,
    maxLength: 4,
  })
  .map((pieces) => `geheim${pieces.map((piece) => `${piece}geheim`).join('')}`);
const secretName = fc.constantFrom('password', 'sslpassword');
const secretive = fc.oneof(
  fc
    .tuple(conninfos, secretName, secret, spaces)
    .map(([all, name, password, space]) => `${all} ${write([[name, password]], space)}`),
  fc
    .tuple(fc.constantFrom('password', 'sslpassword = '), secret)
    .map(([name, password]) => `host=h ${name}=${password}`),
  fc
    .tuple(secret, fc.constantFrom('@h/d', '@h:1', '@[::1]/d'))
    .map(([password, rest]) => `postgresql://u:${password}${rest}`),
  secret.map((password) => `postgresql://u:${encodeURIComponent(password)}@h/d?port=1`),
  secret.map((password) => `postgresql://h/d?password=${encodeURIComponent(password)}`),
);

fuzz(
  'no password is shown or logged, in whatever string it is',
  [secretive],
  (all) => {
    const values = unlessRefused('PC103', () => [...readConninfo(all)])?.value ?? [];
    // What is no password, by a mistake of who wrote it, is not known to be one.
    fc.pre(!values.some(([name, value]) => !name.endsWith('password') && value.includes('geheim')));
    if (values.length === 0) return void describeConninfo(all);
    const shown: string[] = [
      describeConninfo(all),
      redactConninfo(all),
      redactConninfo(`Cannot connect to ${all}`),
    ];
    const log = openLog({
      level: 'info',
      terminal: { write: (line) => void shown.push(line), colours: false },
      redact: redactConninfo,
    });
    log.logger.info({ conninfo: all, deep: [{ all }] }, 'Connected');
    log.logger.error({ err: new Error(`No: ${all}`) }, 'Failed');
    expect(shown.filter((line) => line.includes('geheim'))).toEqual([]);
  },
  {
    examples: [
      ["password='a\\\ngeheim'"],
      ['password\n=geheim'],
      ['password=a\u00a0geheim'],
      ['password=\u00a0 password=geheim'],
      ['postgresql://u:a geheim@h/d'],
    ],
  },
);

const fileWords = words.map((all) => all.replaceAll(/[\r\n]/g, ''));

fuzz(
  'a service holds what its section says',
  [
    fc.uniqueArray(
      fc.tuple(
        anyKeyword,
        fileWords.map((all) => all.replaceAll(/^[ \t\v\f]+|[ \t\v\f]+$/g, '')),
      ),
      { maxLength: 4, selector: ([name]) => name },
    ),
    spaces,
  ],
  (all, space) => {
    const noise = space.replaceAll(/[\n\r]/g, '');
    const file = `[other]\nhost=x\n# c\n${noise}[mine]${noise}\n${all.map(([name, value]) => `${noise}${name}=${value}\r\n`).join('\n')}\n[last]\nport=1\n`;
    expect([...(findService(file, 'mine', 'f') ?? [])]).toEqual(all);
  },
);

fuzz(
  'a broken service file is refused, or read by the line',
  [mutated(fc.constant('# c\n[a]\nhost=h\nport=1\n[mine]\nhost=i\nuser = u\n[z]\nx\n'))],
  (file) => {
    for (const [name, value] of unlessRefused('PC103', () => findService(file, 'mine', 'f'))?.value ?? []) {
      expect(file.split(/\r?\n/).some((line) => line.includes(`${name}=${value}`))).toBe(true);
    }
  },
);

const field = fileWords.filter((all) => all !== '*' && !all.startsWith('#'));
const escaped = (all: string) => all.replaceAll(/[\\:]/g, '\\$&');

fuzz(
  'a password file gives the password that was written',
  [fc.record({ host: field, port: field, database: field, user: field }), fileWords, fc.nat(15)],
  (key, password, stars) => {
    const fields = Object.values(key).map((value, i) => ((stars >> i) % 2 === 1 ? '*' : escaped(value)));
    fc.pre(!fields[0]?.startsWith('#'));
    expect(findPassword(`# c\n\n${[...fields, escaped(password)].join(':')}\r\n*:*:*:*:other\n`, key)).toBe(
      password,
    );
    const other = { ...key, user: `${key.user}x` };
    expect(findPassword(`${[...fields, escaped(password)].join(':')}\n`, other)).toBe(
      (stars >> 3) % 2 === 1 ? password : undefined,
    );
  },
);

fuzz(
  'a broken password file gives no password of two lines',
  [mutated(fc.constant('h:5432:d:u:one\n*:*:d\\:\\\\:*:two\n*:*:*:*:thr\\:ee\n'))],
  (file) => {
    const found = findPassword(file, { host: 'h', port: '5432', database: 'd', user: 'u' });
    if (found !== undefined) expect(found).not.toContain('\n');
  },
);

fuzzLong(
  'a long connect string takes a time in proportion',
  [...PIECES, 'password', 'password=', 'postgres://', 'postgres://a:', 'host='],
  [
    (all) => unlessRefused('PC103', () => readConninfo(all)),
    (all) => unlessRefused('PC103', () => readConninfo(`host='${all}`)),
    (all) => unlessRefused('PC103', () => readConninfo(`postgresql://${all}`)),
    (all) => unlessRefused('PC103', () => readConninfo(`postgresql://u:${all}@h/d?x=${all}`)),
    (all) => redactConninfo(all),
    (all) => redactConninfo(`password='${all}`),
    (all) => unlessRefused('PC103', () => findService(`[mine]\n${all}`, 'mine', 'f')),
    (all) => findPassword(all, { host: '', port: '', database: '', user: '' }),
  ],
  [{ head: '', piece: 'postgres://a:', tail: '' }],
);
