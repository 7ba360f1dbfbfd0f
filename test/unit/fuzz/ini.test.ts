import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, expect } from 'vitest';
import { readIni } from '../../../src/config/ini-lines.js';
import { interpolate } from '../../../src/config/interpolate.js';
import type { KeyDeclaration } from '../../../src/config/key.js';
import { loadConfig } from '../../../src/config/load-config.js';
import { nearestHint } from '../../../src/config/nearest-name.js';
import { parseSize, readValue } from '../../../src/config/read-value.js';
import { REPLICATE_SCHEMA } from '../../../src/config/replicate-config.js';
import { TICKER_SCHEMA } from '../../../src/config/ticker-config.js';
import { fuzz, fuzzLong, unlessRefused } from '../../support/fuzz.js';
import { hostileText, mutated, PIECES } from '../../support/hostile.js';

const folder = mkdtempSync(join(tmpdir(), 'pgcascade-fuzz-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** One line without spaces around that is neither empty nor a comment. */
const content = hostileText
  .map((all) => all.replaceAll(/[\r\n]/g, ' ').trim())
  .filter((line) => !/^(?:[#;]|$)/.test(line));
const keyNames = content
  .map((line) => line.replaceAll(/[=:[]/g, 'k').toLowerCase().trim())
  .filter((name) => !/^(?:[#;]|$)/.test(name));
const entries = fc.uniqueArray(
  fc.record({ key: keyNames, lines: fc.array(content, { minLength: 1, maxLength: 3 }) }),
  { maxLength: 4, selector: ({ key }) => key },
);
const sectionNames = fc.constantFrom('replicate', 'x y', 'DEFAULT', '=');
const sections = fc.uniqueArray(fc.record({ name: sectionNames, entries }), {
  maxLength: 3,
  selector: ({ name }) => name,
});

type Section = typeof sections extends fc.Arbitrary<(infer One)[]> ? One : never;

function write(all: readonly Section[], [equals, noise, end]: readonly [string, string, string]): string {
  const lines = all.flatMap(({ name, entries: inside }) => [
    `[${name}]`,
    ...inside.flatMap(({ key, lines: [first, ...more] }) => [
      `${key}${equals}${first}`,
      noise,
      ...more.map((line) => `\t${line}`),
      noise,
    ]),
  ]);
  return lines.map((line) => `${line}${end}`).join('');
}

const layouts = fc.tuple(
  fc.constantFrom('=', ' = ', ': ', ' :'),
  fc.constantFrom('', '# c = d', '   ', '\t; [e]'),
  fc.constantFrom('\n', '\r\n'),
);
const plain = (text: string) =>
  Object.fromEntries(
    [...readIni(text, 'x.ini')].map(([name, inside]) => [
      name,
      [...inside.values()].map(({ key, value }) => [key, value]),
    ]),
  );

fuzz('an ini file holds what was written', [sections, layouts], (all, layout) => {
  expect(plain(write(all, layout))).toEqual(
    Object.fromEntries(
      all.map(({ name, entries: inside }) => [name, inside.map(({ key, lines }) => [key, lines.join('\n')])]),
    ),
  );
});

const files = fc.tuple(sections, layouts).map(([all, layout]) => write(all, layout));

fuzz(
  'a broken ini file is refused, or loses nothing',
  [mutated(files, [...PIECES, '\n ', '\n', '[a]', 'k=v'])],
  (text) => {
    const found = unlessRefused('PC102', () => readIni(text, 'x.ini'))?.value;
    if (found === undefined) return;
    const said = text
      .replace(/^\uFEFF/, '')
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => !/^(?:[#;]|$|\[[^\]]+\]$)/.test(line));
    const read = [...found.values()]
      .flatMap((inside) => [...inside.values()])
      .toSorted((a, b) => a.line - b.line);
    // A line that looks like a section may be the rest of a value.
    const kept = read
      .flatMap(({ key, value }) => value.split('\n').map((line, i) => (i === 0 ? `${key}=${line}` : line)))
      .filter((line) => !/^\[[^\]]+\]$/.test(line));
    const bare = (line: string) => line.replaceAll(/[=:\s]/g, '').toLowerCase();
    expect(kept.map(bare).join('\n').replaceAll(/\n+/g, '\n')).toBe(
      said.map(bare).join('\n').replaceAll(/\n+/g, '\n'),
    );
  },
);

type Part = { readonly ref: string } | { readonly text: string };
const KEY_NAMES = ['a', 'b', 'c', 'd'];
const parts = fc.array(
  fc.oneof(
    fc.constantFrom(...KEY_NAMES, 'none').map((ref): Part => ({ ref })),
    fc.oneof(hostileText, fc.constantFrom('%', 'x')).map((text): Part => ({ text })),
  ),
  { maxLength: 4 },
);

/** Parts of text, written so that they mean themselves. */
const writeParts = (all: readonly Part[]) =>
  all
    .map((part) => ('ref' in part ? `%(${part.ref.toUpperCase()})s` : part.text.replaceAll('%', '%%')))
    .join('');

/** Undefined for a circle, and for a key that is not there. */
function replaced(
  keys: Readonly<Record<string, readonly Part[]>>,
  name: string,
  path: readonly string[] = [],
): string | undefined {
  const own = keys[name];
  if (own === undefined || path.includes(name)) return undefined;
  const texts = own.map((part) => ('ref' in part ? replaced(keys, part.ref, [...path, name]) : part.text));
  return texts.includes(undefined) ? undefined : texts.join('');
}

fuzz('references to other keys stand for their values', [fc.tuple(parts, parts, parts, parts)], (all) => {
  const keys = Object.fromEntries(KEY_NAMES.map((name, i) => [name, all[i] ?? []]));
  const lookup = (name: string) => (Object.hasOwn(keys, name) ? writeParts(keys[name] ?? []) : undefined);
  expect(unlessRefused('PC102', () => interpolate('a', writeParts(all[0]), lookup))?.value).toBe(
    replaced(keys, 'a'),
  );
});

/** As the documentation says it: `%%` and `%(key)s`, from left to right, everything else as it is. */
fuzz(
  'a percent sign that begins no reference stays',
  [mutated(parts.map(writeParts), ['%', '%%', '%(', '(', ')', 's', ')s', 'a', '%(a)s'])],
  (text) => {
    const expected = text.replaceAll(/%%|%\(([^)]*)\)s/g, (matched) => (matched === '%%' ? '%' : '<>'));
    expect(interpolate('key', text, () => '<>')).toBe(expected);
  },
);

const key = (type: KeyDeclaration['type']): KeyDeclaration => ({ name: 'k', type, sentence: '' });
const BASE = { directory: '/base', home: '/home' };
const words = mutated(fc.constantFrom('1', '0', 'yes', 'OFF', '12', '0.5', '.25', '8MB', '1 gb', '4096'), [
  ...PIECES,
  'kB',
  'constructor',
  '__proto__',
]);

fuzz(
  'a value is what its text says exactly, or refused',
  [words],
  (text) => {
    const read = (type: KeyDeclaration['type']) =>
      unlessRefused('PC102', () => readValue(key(type), text, BASE))?.value;
    expect(read('boolean')).toBe(
      /^(?:1|true|yes|on)$/i.test(text) ? true : /^(?:0|false|no|off)$/i.test(text) ? false : undefined,
    );
    const count = read('count');
    if (count !== undefined)
      expect([typeof count, BigInt(count as number)]).toEqual(['number', BigInt(text)]);
    else expect(/^\d{1,15}$/.test(text)).toBe(false);
    const ms = read('seconds');
    if (ms !== undefined) expect(Math.abs((ms as number) - Number(text) * 1000)).toBeLessThanOrEqual(0.5);
    expect(ms === undefined).toBe(
      !/^(?:\d+|\d*\.\d+)$/.test(text) || !Number.isSafeInteger(Math.round(Number(text) * 1000)),
    );
    const bytes = parseSize(text);
    const [, number = '', unit = ''] = /^(\d+)\s*([a-z]*)$/i.exec(text) ?? [];
    const power = ['b', 'kb', 'mb', 'gb'].indexOf(unit.toLowerCase() || 'b');
    const exact = number === '' || power < 0 ? undefined : BigInt(number) * 1024n ** BigInt(power);
    expect(bytes).toBe(exact === undefined || exact > Number.MAX_SAFE_INTEGER ? undefined : Number(exact));
    expect(read('list')).toEqual(
      text
        .split(/[,\n]/)
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    );
    expect(read('path')).toMatch(/^\//);
  },
  { examples: [['constructor'], ['1constructor'], ['9007199254740993'], ['9'.repeat(400)]] },
);

const settings = fc.constantFrom(
  '[replicate]\ndb = dbname=a\nqueue_name = q\nloop_delay = 0.5\nlogfile = ~/%(job_name)s.log\nconflict = park\nbulk_rows: 7\n',
  '[londiste]\ndb = postgresql://u:a%%40b@h/d\npgq_queue_name = q\nmax_block_bytes = 1MB\npidfile = %(logfile)s\nlogfile = x\n',
  '[ticker]\nbase_connstr = host=h\ndatabase_list = a,\n  b\nticker_period = 1\nsyslog = 1\n',
);

fuzz(
  'a configuration is read whole, or refused',
  [mutated(settings, [...PIECES, '%(db)s%(db)s', '%(queue_name)s', '%(logfile)s', '\nloop_delay='])],
  (text) => {
    const path = join(folder, 'x.ini');
    writeFileSync(path, text);
    for (const schema of [REPLICATE_SCHEMA, TICKER_SCHEMA]) {
      const config = unlessRefused('PC102', () =>
        loadConfig<readonly KeyDeclaration[]>(schema, { path, overrides: [], base: BASE }),
      )?.value.config;
      for (const value of Object.values(config ?? {})) {
        if (typeof value === 'number') expect(Number.isSafeInteger(value) && value >= 0).toBe(true);
        else expect(['string', 'boolean', 'undefined', 'object']).toContain(typeof value);
      }
    }
  },
  { share: 0.3 },
);

fuzzLong(
  'a long ini file takes a time in proportion',
  [...PIECES, '[s]\n', 'a=1\n', '\n ', '%(', '%(a)s'],
  [
    (all) => unlessRefused('PC102', () => readIni(`[s]\n${all}`, 'x.ini')),
    (all) => unlessRefused('PC102', () => interpolate('key', all, () => 'v')),
    (all) => nearestHint(all, ['loop_delay']),
    ...(['boolean', 'count', 'seconds', 'bytes', 'list', 'path'] as const).map(
      (type) => (all: string) => unlessRefused('PC102', () => readValue(key(type), all, BASE)),
    ),
  ],
  [
    { head: 'a', piece: ' ', tail: 'b' },
    { head: '', piece: '%(', tail: ')' },
    { head: '', piece: '1', tail: 'x' },
  ],
);

fuzz(
  'keys that refer to each other twice each come to an end',
  [fc.nat(3)],
  (more) => {
    const names = Array.from({ length: 40 + more }, (_, i) => `k${i}`);
    const lookup = (name: string) =>
      name === names.at(-1) ? 'x' : `%(k${names.indexOf(name) + 1})s`.repeat(2);
    expect(unlessRefused('PC102', () => interpolate('key', '%(k0)s', lookup))).toBeUndefined();
  },
  { share: 0.01 },
);
