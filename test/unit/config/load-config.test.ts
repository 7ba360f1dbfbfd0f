import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { loadConfig } from '../../../src/config/load-config.js';
import { REPLICATE_SCHEMA } from '../../../src/config/replicate-config.js';
import { TICKER_SCHEMA } from '../../../src/config/ticker-config.js';
import { ReplicateError } from '../../../src/errors/replicate-error.js';

const BASE = { directory: '/start', home: '/home/ann' };
const REQUIRED = 'db = host=h dbname=d\nqueue_name = q\n';

function source(text: string, overrides: readonly string[] = [], name = 'node1.ini') {
  const path = join(mkdtempSync(join(tmpdir(), 'config-')), name);
  writeFileSync(path, text);
  return { path, overrides, base: BASE };
}

function load(text: string, overrides: readonly string[] = []) {
  return loadConfig(REPLICATE_SCHEMA, source(text, overrides)).config;
}

function failure(text: string, overrides: readonly string[] = []): { code: string; message: string } {
  try {
    load(text, overrides);
  } catch (error) {
    if (error instanceof ReplicateError) return { code: error.code, message: error.message };
    throw error;
  }
  throw new Error('nothing was thrown');
}

test('what is not set has its default, in milliseconds and bytes', () => {
  const config = load(`[replicate]\n${REQUIRED}`);
  expect(config).toMatchObject({
    db: 'host=h dbname=d',
    queueName: 'q',
    jobName: 'node1',
    consumerName: 'node1',
    loopDelayMs: 1000,
    exceptionSleepMs: 20_000,
    parallelCopies: 4,
    lockTimeoutMs: 10_000,
    maxBlockBytes: 512 * 1024,
    logfile: undefined,
  });
  expect(Object.isFrozen(config)).toBe(true);
});

test.each(['replicate', 'londiste', 'londiste3'])('the section [%s] is read', (section) => {
  expect(load(`[other]\nx=1\n[${section}]\n${REQUIRED}`).queueName).toBe('q');
});

test('names that Londiste used before mean the same key', () => {
  const config = load('[londiste]\ndb = x\npgq_queue_name = old\npgq_consumer_id = me\n');
  expect(config).toMatchObject({ queueName: 'old', consumerName: 'me' });
});

test('keys of Londiste that have no effect here are accepted and named', () => {
  const text = `[londiste3]\n${REQUIRED}use_skylog = 1\nlogfmt_console = %(message)s\nlog_size = 10\n`;
  expect(loadConfig(REPLICATE_SCHEMA, source(text)).ignoredKeys).toEqual([
    'use_skylog',
    'logfmt_console',
    'log_size',
  ]);
});

test('values may refer to other keys, to defaults and to the job name', () => {
  const config = load(
    `[replicate]\njob_name = %(queue_name)s_job\ndb = dbname=%(queue_name)s password=%%x\nqueue_name = shop
logfile = log/%(job_name)s.log\npidfile = ~/%(job_name)s.pid\n`,
  );
  expect(config).toMatchObject({
    db: 'dbname=shop password=%x',
    jobName: 'shop_job',
    consumerName: 'shop_job',
    logfile: '/start/log/shop_job.log',
    pidfile: '/home/ann/shop_job.pid',
  });
});

test('percent sequences of a URL stay as they are', () => {
  expect(load('[replicate]\nqueue_name = q\ndb = postgresql://u:p%40w@h/d\n').db).toBe(
    'postgresql://u:p%40w@h/d',
  );
});

test('the command line goes over the file, and an empty value over both', () => {
  const config = load(`[replicate]\n${REQUIRED}loop_delay = 3\nlogfile = x\n`, [
    'loop_delay=0.25',
    'parallel_copies = 4',
    'logfile=',
  ]);
  expect(config).toMatchObject({ loopDelayMs: 250, parallelCopies: 4, logfile: undefined });
});

test('keys of [DEFAULT] hold for every section', () => {
  expect(load(`[DEFAULT]\nloop_delay = 3\n[replicate]\n${REQUIRED}`).loopDelayMs).toBe(3000);
});

test.each([
  [
    `[replicate]\n${REQUIRED}loop_dely = 1\n`,
    'Unknown key "loop_dely" in line 4',
    'did you mean "loop_delay"?',
  ],
  [`[replicate]\n${REQUIRED}zzzzzzzzz = 1\n`, 'Unknown key "zzzzzzzzz"', 'node1.ini.'],
  ['[replicate]\ndb = x\n', 'The key "queue_name" is missing', ''],
  ['[replicate]\ndb =\nqueue_name = q\n', 'The key "db" is missing', ''],
  [
    `[replicate]\n${REQUIRED}loop_delay = soon\n`,
    'The value "soon" of the key "loop_delay"',
    'number of seconds',
  ],
  [`[replicate]\n${REQUIRED}loop_delay = -1\n`, 'The value "-1" of the key "loop_delay"', ''],
  [
    `[replicate]\n${REQUIRED}parallel_copies = 0\n`,
    'The value "0" of the key "parallel_copies" is below 1',
    '',
  ],
  [`[replicate]\n${REQUIRED}parallel_copies = 1.5\n`, 'is not a whole number', ''],
  [`[replicate]\n${REQUIRED}max_block_bytes = 8TB\n`, 'The value "8TB" of the key "max_block_bytes"', ''],
  [`[replicate]\n${REQUIRED}logfile = %(nope)s\n`, 'The key "logfile" refers to %(nope)s', ''],
  [
    `[replicate]\n${REQUIRED}logfile = %(pidfile)s\npidfile = %(logfile)s\n`,
    'logfile, pidfile, logfile refer',
    '',
  ],
  ['[ticker]\nx = 1\n', 'no section [replicate] or [londiste] or [londiste3]', ''],
])('%j is refused by name', (text, start, more) => {
  const { code, message } = failure(text);
  expect(code).toBe('PC102');
  expect(message).toContain(start);
  expect(message).toContain(more);
});

test('a wrong --set is refused', () => {
  expect(failure(`[replicate]\n${REQUIRED}`, ['loop_delay'])).toMatchObject({ code: 'PC100' });
  expect(failure(`[replicate]\n${REQUIRED}`, ['lop_delay=1']).message).toContain(
    'did you mean "loop_delay"?',
  );
});

test('a file that is not there is PC101', () => {
  const missing = { path: '/no/such.ini', overrides: [], base: BASE };
  expect(() => loadConfig(REPLICATE_SCHEMA, missing)).toThrow('The ini file /no/such.ini does not exist.');
});

test('an ini file of pgqd is one of the ticker', () => {
  const text = '[pgqd]\nbase_connstr = host=h\ndatabase_list = a, b\nticker_period = 0.05\nsyslog = 1\n';
  const { config, ignoredKeys } = loadConfig(TICKER_SCHEMA, source(text));
  expect(config).toMatchObject({
    databaseList: ['a', 'b'],
    tickerPeriodMs: 50,
    maintPeriodMs: 120_000,
    initialDatabase: 'template1',
    syslog: true,
    syslogFacility: 'daemon',
  });
  expect(ignoredKeys).toEqual([]);
});
