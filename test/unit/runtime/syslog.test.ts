import { mkdtempSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openLog } from '../../../src/runtime/log.js';
import { isFacility, openSyslog } from '../../../src/runtime/syslog.js';
import { waitUntil, waitUntilSeen } from '../../support/wait-until.js';

/** A stand-in for the syslog daemon. It takes a stream: Node.js has no datagram sockets of this kind, logger can do both. */
async function openDaemon(): Promise<AsyncDisposable & { socket: string; received: () => string }> {
  const socket = join(mkdtempSync(join(tmpdir(), 'syslog-')), 'log');
  let text = '';
  const server: Server = createServer((connection) => {
    connection.on('data', (data) => {
      text += data.toString('utf8');
    });
  });
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  return {
    socket,
    received: () => text,
    async [Symbol.asyncDispose]() {
      server.close();
    },
  };
}

test('a line of the log reaches the syslog with its priority, name and process, and without a password', async () => {
  await using daemon = await openDaemon();
  const log = openLog({
    level: 'info',
    syslog: { ident: 'pgqd', facility: 'local3', socket: daemon.socket },
    redact: (text) => text.replaceAll('geheim', '***'),
  });
  log.logger.child({ queue: 'q' }).error({ tick: 7 }, 'Something geheim');
  log.logger.debug('Not this');
  log.logger.info('Two\nlines');
  const text = await waitUntilSeen('both lines have come', daemon.received, (seen) => seen.includes('lines'));
  log.close();
  // local3 is 19: 19 * 8 + 3 for an error, + 6 for what is only told.
  expect(text).toMatch(
    new RegExp(`<155>.* pgqd\\[${process.pid}\\]: Something \\*\\*\\* \\{"queue":"q","tick":7\\}`),
  );
  expect(text).toMatch(/<158>.*: Two\\nlines/);
  expect(text).not.toContain('Not this');
});

test('without a daemon it says so once and the log goes on', () => {
  const terminal: string[] = [];
  const log = openLog({
    level: 'info',
    syslog: { ident: 'pgqd', facility: 'daemon', socket: '/no/such/socket' },
    terminal: { write: (line) => void terminal.push(line), colours: false },
    redact: (text) => text,
  });
  log.logger.info('One');
  log.logger.info('Two');
  expect(terminal).toHaveLength(3);
  expect(terminal[0]).toMatch(/WARN: Nothing is written to the syslog .*there is no \/no\/such\/socket/);
});

test('a daemon that comes back is found by reopen', async () => {
  const failures: string[] = [];
  const first = await openDaemon();
  const syslog = openSyslog({ ident: 'x', facility: 'daemon', socket: first.socket }, (reason) =>
    failures.push(reason),
  );
  syslog.write('info', 'before');
  await waitUntil('the line has come', () => first.received().includes('before'));
  syslog.reopen();
  syslog.write('info', 'after');
  await waitUntil('the line has come', () => first.received().includes('after'));
  expect(failures).toEqual([]);
  syslog.close();
  await first[Symbol.asyncDispose]();
});

test('only what syslog knows is a facility', () => {
  expect(['daemon', 'local7', 'user'].every(isFacility)).toBe(true);
  expect(['', 'local8', 'demon'].some(isFacility)).toBe(false);
});
