import { mkdtempSync, readFileSync, renameSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ReplicateError } from '../../../src/errors/replicate-error.js';
import { type LogLevel, openLog } from '../../../src/runtime/log.js';

const redact = (text: string): string => text.replaceAll('geheim', '***');

function openFileLog(level: LogLevel = 'info') {
  const folder = mkdtempSync(join(tmpdir(), 'log-'));
  const logfile = join(folder, 'x.log');
  const terminal: string[] = [];
  const log = openLog({
    level,
    logfile,
    terminal: { write: (line) => void terminal.push(line), colours: false },
    redact,
  });
  const lines = (path = logfile): Record<string, unknown>[] =>
    readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log, logfile, terminal, lines };
}

test('a line is JSON in the file and readable on the terminal', () => {
  const { log, terminal, lines } = openFileLog();
  log.logger.child({ queue: 'q' }).info({ tick: 12n }, 'Batch applied');
  expect(lines()).toMatchObject([{ level: 'info', queue: 'q', tick: 12, msg: 'Batch applied' }]);
  expect(terminal).toHaveLength(1);
  expect(terminal[0]).toMatch(/^\[.*\] INFO: Batch applied \{"queue":"q","tick":12\}$/);
});

test('no password is logged, wherever it stands', () => {
  const { log, logfile, terminal } = openFileLog('debug');
  const error = new ReplicateError('PC200', 'geheim', { at: 'geheim' }, { cause: new Error('geheim') });
  const logger = log.logger.child({ conninfo: 'password=geheim' });
  logger.error({ err: error, text: 'geheim', deep: { list: ['geheim'] } }, 'geheim %s', 'geheim');
  logger.error(error);
  expect(readFileSync(logfile, 'utf8')).not.toContain('geheim');
  expect(terminal.join('\n')).not.toContain('geheim');
});

test('an expected error is logged with its code and causes but without a stack', () => {
  const { log, lines } = openFileLog();
  const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED', detail: 'Key (a)=(5)' });
  log.logger.warn({ err: new ReplicateError('PC200', 'Cannot connect.', { port: 1 }, { cause }) }, 'Failed');
  const { err } = lines()[0] as { err: unknown };
  expect(err).toEqual({
    message: 'Cannot connect.',
    code: 'PC200',
    port: 1,
    cause: { message: 'refused', code: 'ECONNREFUSED' },
  });
});

test('a bug is logged with its stack', () => {
  const { log, lines } = openFileLog();
  log.logger.error({ err: new TypeError('oops') }, 'Failed');
  expect(lines()[0]).toMatchObject({ err: { message: 'oops', stack: expect.stringContaining('log.test') } });
});

test('after a rotation the reopened log goes on in a new file', () => {
  const { log, logfile, lines } = openFileLog();
  log.logger.info('one');
  renameSync(logfile, `${logfile}.1`);
  log.logger.info('two');
  log.reopen();
  log.logger.info('three');
  expect(lines(`${logfile}.1`).map(({ msg }) => msg)).toEqual(['one', 'two']);
  expect(lines().map(({ msg }) => msg)).toEqual(['three']);
});

test('levels below the chosen one are not written', () => {
  const { log, lines } = openFileLog('warn');
  log.logger.info('no');
  log.logger.warn('yes');
  expect(lines().map(({ msg }) => msg)).toEqual(['yes']);
});
