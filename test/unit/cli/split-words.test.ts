import { expect, test } from 'vitest';
import { splitWords } from '../../../src/cli/split-words.js';

function split(text: string) {
  return splitWords(text.split(' '), new Set(['--set', '--provider']), new Set(['--daemon']));
}

test.each([
  ['x.ini worker', 'x.ini', 'worker', []],
  ['-d x.ini worker -v', 'x.ini', 'worker', ['-d', '-v']],
  ['x.ini -d worker', 'x.ini', 'worker', ['-d']],
  ['--set a=b x.ini add-table t1 --all', 'x.ini', 'add-table', ['--set', 'a=b', 't1', '--all']],
  ['--set=a=b x.ini tables', 'x.ini', 'tables', ['--set=a=b']],
  ['--provider p x.ini create-leaf n', 'x.ini', 'create-leaf', ['--provider', 'p', 'n']],
  ['x.ini -s', 'x.ini', undefined, ['-s']],
  ['--ini', undefined, undefined, ['--ini']],
  ['-- -x.ini add-table -t', '-x.ini', 'add-table', ['--', '-t']],
  ['x.ini add-table -- -t', 'x.ini', 'add-table', ['--', '-t']],
  ['x.ini --set', 'x.ini', undefined, ['--set']],
])('%s', (text, ini, verb, rest) => {
  expect(split(text)).toMatchObject({ ini, verb, rest });
});

test('only an unknown long option before the verb makes it uncertain', () => {
  expect(split('--what x.ini worker').isUncertain).toBe(true);
  expect(split('--what=1 --daemon -q x.ini worker --other').isUncertain).toBe(false);
});
