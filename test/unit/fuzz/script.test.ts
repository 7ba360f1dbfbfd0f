import fc from 'fast-check';
import { expect } from 'vitest';
import { readScript } from '../../../src/replica/script.js';
import { ATTRIBUTE_KEYS, parseAttributes } from '../../../src/replica/script-attributes.js';
import { replaceNames } from '../../../src/replica/script-conditions.js';
import { lineOf, splitScript } from '../../../src/replica/split-script.js';
import { fuzz, fuzzLong, unlessRefused } from '../../support/fuzz.js';
import { mutated, PIECES, text } from '../../support/hostile.js';

const split = (all: string, standardStrings = true) => splitScript(all, { fileName: 'f', standardStrings });
const textsOf = (all: string, standardStrings = true) =>
  split(all, standardStrings).map((statement) => statement.text);

/** What may stand inside of quotes and comments, and ends nothing there. */
const inside = text([
  ';',
  '(',
  ')',
  '[',
  ' ',
  '\n',
  'a',
  '$',
  '--x',
  'begin atomic',
  'end',
  'ü',
  '\u00a0',
  '%',
  '/',
  '*',
]);
const space = text([' ', '\n', '\t', '\r\n', '\v', '\f'], { minLength: 1, maxLength: 3 });
const lineComment = inside.map((all) => `-- ${all.replaceAll(/[\n\r]/g, ' ')}'"$$(\n`);
const { comment } = fc.letrec<{ comment: string }>((tie) => ({
  comment: fc
    .tuple(inside, fc.option(tie('comment'), { maxDepth: 2, nil: '' }), inside)
    .map(([head, nested, tail]) => {
      const quiet = (all: string) => all.replaceAll(/[/*]/g, '-');
      return `/* '"$$${quiet(head)} ${nested} ${quiet(tail)} */`;
    }),
}));
const gap = fc.oneof(
  { weight: 4, arbitrary: space },
  lineComment,
  comment.map((all) => ` ${all} `),
);

const noQuote = (quote: string) => inside.map((all) => all.replaceAll(quote, quote + quote));
const string = noQuote("'").map((all) => `'${all}'`);
const escapeString = fc
  .tuple(fc.constantFrom('e', 'E'), noQuote("'"), fc.constantFrom('', "\\'", '\\\\', "\\';", "''"))
  .map(([prefix, all, escaped]) => `${prefix}'${all}${escaped}'`);
const quotedName = noQuote('"').map((all) => `"${all}"`);
const dollar = fc
  .tuple(
    fc.constantFrom('$$', '$a$', '$_é1$', '$A$'),
    inside,
    fc.constantFrom('', "'", '"', '$b$', '\\', '/*'),
  )
  .map(([tag, all, rest]) => `${tag}${all.replaceAll('$', '')}${rest}${tag}`);
const word = fc.constantFrom(
  'select',
  'a',
  'b1',
  'case',
  'end',
  'é',
  'a$b',
  'atomic',
  'u&',
  '$1',
  '1.5',
  '+',
  '::',
  'x',
  '1e5',
  '[1]',
  '<>',
  'function',
);
const { token } = fc.letrec<{ token: string }>((tie) => ({
  token: fc.oneof(
    { depthSize: 'small' },
    { weight: 4, arbitrary: word },
    string,
    escapeString,
    quotedName,
    dollar,
    // In parentheses a semicolon ends nothing: a rule has several statements there.
    fc.array(fc.oneof(tie('token'), fc.constant(';')), { maxLength: 3 }).map((all) => `(${all.join(' ')})`),
  ),
}));

const plainStatement = fc
  .tuple(
    fc.constantFrom('select', 'insert', '"t"', '(1)', 'create'),
    fc.array(fc.tuple(gap, token), { maxLength: 5 }),
  )
  .map(([first, rest]) => first + rest.flat().join(''));
const body = fc.array(
  fc.oneof(
    token.filter((all) => !/^(?:case|end|atomic)$/.test(all)),
    fc.constant(';'),
    fc.constant('case when 1 then 2 else 3 end'),
    fc.constant('begin atomic select 1; end'),
  ),
  { maxLength: 5 },
);
const routine = fc
  .tuple(
    fc.constantFrom('create function f()', 'CREATE OR REPLACE PROCEDURE "p"(a int)'),
    gap,
    gap,
    body,
    gap,
  )
  .map(([head, one, two, all, three]) => `${head}${one}Begin${two}ATOMIC ${all.join(' ')}${three}END`);
const statement = fc.oneof({ weight: 4, arbitrary: plainStatement }, routine);
/** What parts two statements: what comes before the semicolon belongs to the first. */
const ending = fc
  .tuple(fc.option(gap, { nil: '' }), fc.array(gap, { maxLength: 2 }))
  .map(([before, after]) => ({ before, after: after.join('') }));
const scripts = fc.tuple(
  fc.option(gap, { nil: '' }),
  fc.array(fc.tuple(statement, ending), { maxLength: 4 }),
);

type Parts = typeof scripts extends fc.Arbitrary<infer One> ? One : never;
const write = ([head, all]: Parts) =>
  head + all.map(([one, { before, after }]) => `${one}${before};${after}`).join('');

fuzz('a script is parted into the statements that it was made of', [scripts], (parts) => {
  const all = write(parts);
  const found = split(all);
  expect(found.map((one) => one.text)).toEqual(parts[1].map(([one, { before }]) => one + before));
  let at = 0;
  for (const [i, { number, line, text: own }] of found.entries()) {
    at = all.indexOf(own, at);
    expect([number, line]).toEqual([i + 1, lineOf(all, at)]);
    at += own.length;
  }
});

fuzz(
  'a script after another is parted as it is alone, whatever it is',
  [scripts, mutated(scripts.map(write), [...PIECES, "E'", "';'", '$a$', ';;', 'begin atomic'])],
  (first, other) => {
    const alone = unlessRefused('PC408', () => textsOf(other))?.value;
    const both = unlessRefused('PC408', () => textsOf(`${write(first)}\n${other}`))?.value;
    expect(both).toEqual(alone && [...textsOf(write(first)), ...alone]);
  },
);

fuzz(
  'nothing of a broken script is lost: between its statements are spaces and comments',
  [mutated(scripts.map(write), [...PIECES, "E'", "';'", '$a$', ';;', '$', '\\']), fc.boolean()],
  (all, standardStrings) => {
    const found = unlessRefused('PC408', () => split(all, standardStrings))?.value ?? [];
    let at = 0;
    for (const { text: own } of found) {
      const start = all.indexOf(own, at);
      expect(start).toBeGreaterThanOrEqual(at);
      // A comment may look like the statement behind it, so that only without one it is known where that begins.
      if (!/--|\/\*/.test(all)) expect(all.slice(at, start)).toMatch(/^[ \t\n\v\f\r;]*$/);
      at = start + own.length;
      expect(textsOf(own, standardStrings)).toEqual([own]);
    }
  },
);

fuzz(
  'a script that is read has statements and conditions, or is refused',
  [mutated(scripts.map(write), [...PIECES, '--*-- Need-Table: a\n', '--*--', ': a,', '\u2028'])],
  (all) => {
    const script = unlessRefused('PC408', () => readScript('/x/f.sql', all))?.value;
    if (script === undefined) return;
    expect(script.name).toBe('f.sql');
    expect(all.endsWith(script.text)).toBe(true);
    expect(textsOf(script.text).length).toBeGreaterThan(0);
  },
);

const objectName = text(PIECES, { minLength: 1 })
  .map((all) => all.replaceAll(/[,\r\n]/g, '').trim())
  .filter((name) => name !== '');
const condition = fc.tuple(
  fc.constantFrom(...ATTRIBUTE_KEYS),
  fc.array(objectName, { minLength: 1, maxLength: 4 }),
  fc.constantFrom(', ', ',', ' , ', ',\n--*-- '),
  fc.constantFrom('', '-- note\n', '\n', '  --*--\n'),
);

fuzz(
  'the conditions at the top of a script are those that were written',
  [fc.array(condition, { maxLength: 4 })],
  (all) => {
    const lines = all.map(
      ([key, names, comma, noise]) => `--*-- ${key.toUpperCase()} : ${names.join(comma)}\n${noise}`,
    );
    const expected = new Map<string, string[]>();
    for (const [key, names] of all) expected.set(key, [...(expected.get(key) ?? []), ...names]);
    expect(parseAttributes('f', `${lines.join('')}select 1;\n--*-- none: a`)).toEqual(expected);
  },
  { examples: [[[['need-table', ['a\u2028b'], ',', '']]]] },
);

const localNames = fc.uniqueArray(
  fc.tuple(
    fc.constantFrom('a', 'b', 'a.b', 'a@b', '$&', '(', '@'),
    fc.constantFrom('"a"', '"@b@"', '"$&"', '"@"'),
  ),
  { maxLength: 4, selector: ([name]) => name },
);

fuzz(
  'each name in a script is replaced once',
  [localNames, text(['@', 'a', 'b', '@a@', '@b@', '@a.b@', '$&', ';', '@(@'])],
  (names, all) => {
    const expected: string[] = [];
    for (let at = 0; at < all.length; ) {
      const [name, quoted] = names.find(([known]) => all.startsWith(`@${known}@`, at)) ?? [];
      expected.push(quoted ?? (all[at] as string));
      at += name === undefined ? 1 : name.length + 2;
    }
    expect(replaceNames(all, new Map(names))).toBe(expected.join(''));
  },
  {
    examples: [
      [
        [
          ['a', '"@b@"'],
          ['b', '"a"'],
        ],
        '@a@',
      ],
    ],
  },
);

fuzzLong(
  'a long script takes a time in proportion',
  [...PIECES, ';\n', "E'", '$a$', '--\n', 'x ', 'begin atomic ', "'\n"],
  [
    (all) => unlessRefused('PC408', () => split(all)),
    (all) => unlessRefused('PC408', () => split(`create function f() begin atomic ${all}`)),
    (all) => unlessRefused('PC408', () => split(`select 'a'${all}`, false)),
    (all) => unlessRefused('PC408', () => readScript('f', `--*-- need-table: ${all}`)),
    (all) =>
      replaceNames(
        all,
        new Map([
          ['a', '"a"'],
          ['@', '"b"'],
        ]),
      ),
  ],
  [
    { head: '', piece: 'x;\n', tail: '' },
    { head: "'a'\n", piece: '--\n', tail: 'x' },
  ],
);
