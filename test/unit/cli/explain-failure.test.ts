import { CommanderError } from 'commander';
import { expect, test } from 'vitest';
import { explainFailure } from '../../../src/cli/explain-failure.js';
import { ReplicateError } from '../../../src/errors/replicate-error.js';

const serverError = (code: string) => Object.assign(new Error('permission denied\nfor table t'), { code });

test.each<[string, unknown, RegExp, number]>([
  ['ours', new ReplicateError('PC101', 'No file.'), /^replicate: No file\. Check the path/, 1],
  [
    'of our SQL',
    serverError('PC301'),
    /^replicate: permission denied for table t\. Choose another node name/,
    1,
  ],
  ['a server’s', serverError('42501'), /^replicate: permission denied for table t \(SQLSTATE 42501\)\.$/, 3],
  ['unknown', new TypeError('oops'), /^replicate: oops\. This is a bug/, 70],
  ['no error', 'text', /^replicate: text\. This is a bug/, 70],
  [
    'of the command line',
    new CommanderError(1, 'x', "error: unknown option '-x'"),
    /^replicate: Unknown option '-x'\. Run the program/,
    1,
  ],
  [
    'an interruption',
    new DOMException('Stopped by SIGINT', 'AbortError'),
    /^replicate: Stopped by SIGINT\.$/,
    3,
  ],
])('an error that is %s is one line with its exit code', (_, error, line, exitCode) => {
  const failure = explainFailure('replicate', error);
  expect(failure.line).toMatch(line);
  expect(failure.line).not.toContain('\n');
  expect(failure.exitCode).toBe(exitCode);
});

test('the trace holds the causes, and neither it nor the line a password', () => {
  const cause = new Error('inner password=geheim');
  const failure = explainFailure('ticker', new ReplicateError('PC200', 'password=geheim', {}, { cause }));
  expect(failure.line).toContain('password=***');
  expect(failure.trace).toMatch(/caused by: Error: inner password=\*\*\*/);
});
