import fc from 'fast-check';
import { expect } from 'vitest';
import { jsonText } from '../../../src/cli/json-text.js';
import { splitWords } from '../../../src/cli/split-words.js';
import { fullName, quoteIdentifier, quoteLiteral, quoteName, splitName } from '../../../src/db/identifier.js';
import { openLog } from '../../../src/runtime/log.js';
import { fuzz, fuzzLong } from '../../support/fuzz.js';
import { HALVES, hostileText, PIECES, text } from '../../support/hostile.js';

fuzz('a quoted name is one word of SQL, and means the name', [hostileText], (name) => {
  const quoted = quoteIdentifier(name);
  expect(quoted).toMatch(/^"(?:[^"]|"")*"$/);
  expect(quoted.slice(1, -1).replaceAll('""', '"')).toBe(name);
});

fuzz(
  'a literal is one word of SQL, and means the text, with or without standard_conforming_strings',
  [hostileText],
  (all) => {
    const [, prefix, inside = ''] = /^( E|)'((?:[^'\\]|''|\\\\)*)'$/s.exec(quoteLiteral(all)) ?? [];
    expect(inside.replaceAll("''", "'").replaceAll('\\\\', '\\')).toBe(all);
    expect(prefix).toBe(all.includes('\\') ? ' E' : '');
  },
);

fuzz(
  'the name of an object is parted at its first dot and no other',
  [hostileText, hostileText],
  (first, second) => {
    const schema = first.replaceAll('.', '_');
    expect(splitName(`${schema}.${second}`)).toEqual({ schema, name: second });
    expect(fullName(`${schema}.${second}`)).toBe(`${schema}.${second}`);
    expect(fullName(schema)).toBe(`public.${schema}`);
    expect(quoteName(`${schema}.${second}`)).toBe(`${quoteIdentifier(schema)}.${quoteIdentifier(second)}`);
  },
);

const VALUE_OPTIONS = new Set(['--set', '-l', '--except']);
const PLAIN_OPTIONS = new Set(['--verbose', '-v', '--all']);
const option = fc.oneof(
  fc.tuple(fc.constantFrom(...VALUE_OPTIONS), hostileText),
  fc.constantFrom(...PLAIN_OPTIONS).map((word) => [word]),
  fc.tuple(fc.constantFrom('--set', '--unknown'), hostileText).map(([word, value]) => [`${word}=${value}`]),
);
const options = fc.array(option, { maxLength: 3 }).map((all) => all.flat());
const operand = fc.oneof(
  hostileText.filter((all) => !/^-./s.test(all)),
  fc.constant('-'),
);
const more = fc.array(fc.oneof(hostileText, fc.constantFrom('--', '--set', '-x')), { maxLength: 3 });

fuzz(
  'the ini file and the verb are found wherever options stand',
  [options, operand, options, operand, more],
  (first, ini, second, verb, rest) => {
    const words = [...first, ini, ...second, verb, ...rest];
    expect(splitWords(words, VALUE_OPTIONS, PLAIN_OPTIONS)).toEqual({
      ini,
      verb,
      rest: [...first, ...second, ...rest],
      isUncertain: false,
    });
  },
);

fuzz(
  'no word of a command line is lost or comes twice',
  [
    fc.array(fc.oneof(hostileText, fc.constantFrom('--', '-', '--set', '--what', '-v', 'a')), {
      maxLength: 8,
    }),
  ],
  (words) => {
    const { ini, verb, rest } = splitWords(words, VALUE_OPTIONS, PLAIN_OPTIONS);
    expect([ini, verb, ...rest].filter((word) => word !== undefined).toSorted()).toEqual(words.toSorted());
  },
);

const anyText = text([...PIECES, ...HALVES]);
/** Names of fields are ours. */
const fields = fc.dictionary(
  fc.constantFrom('table', 'queue', 'file', 'sql'),
  fc.oneof(anyText, fc.jsonValue({ maxDepth: 2 }), fc.bigInt()),
  { maxKeys: 3, noNullPrototype: true },
);

fuzz(
  'a line of the log is one line, and holds what was said',
  [anyText, fields, anyText],
  (message, said, reason) => {
    const lines: string[] = [];
    const log = openLog({
      level: 'info',
      terminal: { write: (line) => void lines.push(line), colours: false },
      redact: (all) => all,
    });
    log.logger.info(said, 'Batch applied');
    log.logger.child({ said }).error({ err: new Error(message, { cause: new Error(reason) }) }, 'Failed');
    log.logger.error(new Error(message));
    expect(lines).toHaveLength(3);
    for (const line of lines) expect(line).not.toMatch(/[^ -\uffff]/);
    expect(lines[0]).toContain('INFO: Batch applied');
    for (const [name, value] of Object.entries(said)) {
      // A doubled backslash is shown as one.
      const single = (all: string) => all.replaceAll(/\\+/g, '\\');
      if (typeof value !== 'string') continue;
      expect(single(lines[0] ?? '')).toContain(single(`${JSON.stringify(name)}:${JSON.stringify(value)}`));
    }
  },
  { share: 0.5 },
);

fuzz(
  'a JSON document says what it was made of',
  [fc.array(fc.oneof(anyText, fc.bigInt(), fc.jsonValue({ maxDepth: 1 })), { maxLength: 5 })],
  (all) => {
    const read = JSON.parse(jsonText(all)) as unknown[];
    for (const [i, value] of all.entries()) {
      if (typeof value === 'bigint') expect(BigInt(read[i] as string | number)).toBe(value);
      else expect(read[i]).toEqual(JSON.parse(JSON.stringify(value)));
    }
  },
);

fuzzLong(
  'a long line takes a time in proportion',
  [...PIECES, '\\n'],
  [
    (all) => quoteIdentifier(all),
    (all) => quoteLiteral(all),
    (all) => {
      const log = openLog({
        level: 'info',
        terminal: { write: () => undefined, colours: true },
        redact: (line) => line,
      });
      log.logger.info({ all }, 'Batch applied');
    },
  ],
);
