import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { assertPidfileFree, readPidfile, takePidfile } from '../../../src/runtime/pidfile.js';

const PROGRAM = 'ticker';

function pidfilePath(content?: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'pidfile-')), 'x.pid');
  if (content !== undefined) writeFileSync(path, content);
  return path;
}

/** Another process; its command line names `program`. */
async function otherProcess(program: string) {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)', '--', `/opt/${program}`], {
    stdio: 'ignore',
  });
  await once(child, 'spawn');
  return {
    pid: child.pid as number,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

test('the pidfile holds the process id until it is released', () => {
  const path = pidfilePath();
  const pidfile = takePidfile(path, PROGRAM);
  expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  expect(readdirSync(dirname(path))).toEqual(['x.pid']);
  pidfile.release();
  pidfile.release();
  expect(existsSync(path)).toBe(false);
  expect(readPidfile(path, PROGRAM)).toEqual({ kind: 'none' });
});

test('a pidfile of a running program is held', async () => {
  await using other = await otherProcess(PROGRAM);
  const path = pidfilePath(`${other.pid}\n`);
  expect(readPidfile(path, PROGRAM)).toEqual({ kind: 'running', pid: other.pid });
  expect(() => takePidfile(path, PROGRAM)).toThrow(`runs already, process ${other.pid}`);
  expect(() => assertPidfileFree(path, PROGRAM)).toThrow(expect.objectContaining({ code: 'PC104' }));
  expect(readFileSync(path, 'utf8')).toBe(`${other.pid}\n`);
});

test('a pidfile of a process that is gone is taken over', async () => {
  const other = await otherProcess(PROGRAM);
  await other[Symbol.asyncDispose]();
  const path = pidfilePath(`${other.pid}\n`);
  expect(readPidfile(path, PROGRAM)).toEqual({ kind: 'stale', pid: other.pid });
  takePidfile(path, PROGRAM);
  expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  expect(readdirSync(dirname(path))).toEqual(['x.pid']);
});

test.runIf(process.platform === 'linux')(
  'a process id that another program has by now is stale',
  async () => {
    await using other = await otherProcess('nginx');
    expect(readPidfile(pidfilePath(`${other.pid}\n`), PROGRAM)).toMatchObject({ kind: 'stale' });
  },
);

test.runIf(process.platform === 'linux')('a file older than the process of its id is stale', async () => {
  await using other = await otherProcess(PROGRAM);
  const path = pidfilePath(`${other.pid}\n`);
  const anHourAgo = Date.now() / 1000 - 3600;
  utimesSync(path, anHourAgo, anHourAgo);
  expect(readPidfile(path, PROGRAM)).toMatchObject({ kind: 'stale' });
});

test('an empty file is taken over', () => {
  const path = pidfilePath('');
  takePidfile(path, PROGRAM);
  expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
});

test('a file of another purpose is left alone', () => {
  const path = pidfilePath('{"level":"info"}\n');
  expect(() => takePidfile(path, PROGRAM)).toThrow(expect.objectContaining({ code: 'PC102' }));
  expect(readFileSync(path, 'utf8')).toBe('{"level":"info"}\n');
});

test("another program's pidfile is not removed by a release", () => {
  const path = pidfilePath();
  const pidfile = takePidfile(path, PROGRAM);
  writeFileSync(path, '1\n');
  pidfile.release();
  expect(readFileSync(path, 'utf8')).toBe('1\n');
});

test('a folder that is not there is named', () => {
  expect(() => takePidfile('/no/such/x.pid', PROGRAM)).toThrow('/no/such/x.pid cannot be used (ENOENT)');
});
