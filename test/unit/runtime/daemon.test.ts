import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type DaemonReport, startDaemon } from '../../../src/runtime/daemon.js';

async function start(
  script: string,
  deadlineMs = 20_000,
): Promise<{ report: DaemonReport; log: () => string }> {
  const logfile = join(mkdtempSync(join(tmpdir(), 'daemon-')), 'x.log');
  const report = await startDaemon({
    execPath: process.execPath,
    args: ['-e', script],
    environment: process.env,
    logfile,
    deadlineMs,
  });
  return { report, log: () => readFileSync(logfile, 'utf8') };
}

const done = 'setTimeout(() => process.exit(), 50)';

test('the report of the program is handed on, and what it prints goes to the logfile', async () => {
  const { report, log } = await start(
    `console.log('printed'); process.send({ kind: 'ready', warnings: ['w'] }); ${done}`,
  );
  expect(report).toEqual({ kind: 'ready', warnings: ['w'] });
  expect(log()).toBe('printed\n');
});

test('a failure is handed on with its exit code', async () => {
  const { report } = await start(`process.send({ kind: 'failed', lines: ['no'], exitCode: 4 }); ${done}`);
  expect(report).toEqual({ kind: 'failed', lines: ['no'], exitCode: 4 });
});

test('a program that dies before it is ready is PC106', async () => {
  await expect(start('process.exit(9)')).rejects.toMatchObject({
    code: 'PC106',
    message: expect.stringContaining('ended with code 9'),
  });
});

test('a program that is never ready is killed at the deadline', async () => {
  await expect(start('setInterval(() => {}, 1e6)', 100)).rejects.toMatchObject({
    code: 'PC106',
    message: expect.stringContaining('not ready within 0.1 s'),
  });
});

test('a logfile that cannot be opened is PC102', async () => {
  const options = { execPath: process.execPath, args: [], environment: {}, deadlineMs: 1 };
  await expect(startDaemon({ ...options, logfile: '/no/such/x.log' })).rejects.toMatchObject({
    code: 'PC102',
  });
});
