import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';

export interface SyslogOptions {
  /** The name that lines stand under. */
  readonly ident: string;
  /** `daemon`, `local0`, …, as logger(1) knows them. */
  readonly facility: string;
  /** The socket of the syslog daemon. */
  readonly socket?: string | undefined;
}

export interface Syslog {
  /** Hands over one line. Never fails and never waits. */
  write(level: string, line: string): void;
  /** Starts anew, after the daemon was away. */
  reopen(): void;
  close(): void;
}

const SOCKET = '/dev/log';
/** Priorities of the levels of our log: warning, error, … of syslog(3). */
const SEVERITIES: Readonly<Record<string, number>> = { fatal: 2, error: 3, warn: 4, info: 6 };
const DEBUG = 7;
/** By the numbers of syslog(3): what stands before a line is facility * 8 + severity. */
const FACILITIES: readonly string[] = [
  ...['kern', 'user', 'mail', 'daemon', 'auth', 'syslog', 'lpr', 'news', 'uucp', 'cron', 'authpriv', 'ftp'],
  ...['', '', '', ''],
  ...['local0', 'local1', 'local2', 'local3', 'local4', 'local5', 'local6', 'local7'],
];

/** True when the text is the name of a facility. */
export function isFacility(name: string): boolean {
  return name !== '' && FACILITIES.includes(name);
}

/**
 * Opens the way to the system's log: one `logger` process of util-linux that gets the lines, because Node.js cannot write to the
 * datagram socket of a syslog daemon itself. It ends with this process, however that ends.
 *
 * `onFailure` is told, once until `reopen`, when there is no daemon or no `logger`; the lines are then dropped.
 */
export function openSyslog(options: SyslogOptions, onFailure: (reason: string) => void): Syslog {
  const { ident, facility, socket = SOCKET } = options;
  const facilityCode = FACILITIES.indexOf(facility) * 8;
  let child: ChildProcess | undefined;
  const fail = (failed: ChildProcess | undefined, reason: string): void => {
    if (child !== failed) return;
    child = undefined;
    onFailure(reason);
  };
  const start = (): void => {
    if (!existsSync(socket)) {
      fail(child, `there is no ${socket}`);
      return;
    }
    const args = [
      '--tag',
      ident,
      `--id=${process.pid}`,
      '--socket',
      socket,
      '--socket-errors=on',
      '--prio-prefix',
    ];
    // Detached: a ctrl-C in the terminal must not end it before the last line.
    const started = spawn('logger', args, { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
    child = started;
    started.on('error', (error) => fail(started, `the program logger cannot be started (${error.message})`));
    started.on('exit', (code, signal) => fail(started, `the program logger has ended (${code ?? signal})`));
    started.stdin.on('error', () => undefined);
    // The log must not keep a program alive that has ended its work.
    started.unref();
    (started.stdin as unknown as { unref(): void }).unref();
  };
  start();
  const close = (): void => {
    const ended = child;
    child = undefined;
    ended?.stdin?.end();
  };
  return {
    write(level, line) {
      const priority = facilityCode + (SEVERITIES[level] ?? DEBUG);
      child?.stdin?.write(`<${priority}>${line.replaceAll('\n', ' ')}\n`);
    },
    reopen() {
      close();
      start();
    },
    close,
  };
}
