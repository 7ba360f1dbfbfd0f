import { redactConninfo } from '../db/conninfo.js';
import type { ExitCode } from '../errors/catalogue.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { startDaemon } from '../runtime/daemon.js';
import { type Lifecycle, listenToSignals } from '../runtime/lifecycle.js';
import { type Log, type Logger, openLog } from '../runtime/log.js';
import { assertPidfileFree, takePidfile } from '../runtime/pidfile.js';
import type { SyslogOptions } from '../runtime/syslog.js';
import { type CommonOptions, logLevel } from './common-options.js';
import { backgroundParent, DAEMON_VARIABLE } from './environment.js';

const READY_DEADLINE_MS = 60_000;
const ENDED_BY_SECOND_SIGNAL = 3;

/** What a program that runs until it is told to stop works with. */
export interface ServiceContext {
  readonly log: Logger;
  /** Aborted on SIGINT and SIGTERM. */
  readonly signal: AbortSignal;
  /** The start checks have passed: whoever started the program in the background may go on. */
  ready(warnings?: readonly string[]): void;
  /** Calls back for every SIGHUP, after the logfile was opened anew. */
  onReload(callback: () => void): void;
}

export interface ServiceOptions {
  /** `ticker` or `replicate`. */
  readonly program: string;
  readonly jobName: string;
  readonly logfile: string | undefined;
  readonly pidfile: string | undefined;
  readonly syslog?: SyslogOptions | undefined;
  readonly common: CommonOptions;
}

/**
 * Runs a program until it is told to stop: in the foreground, or with -d in the background. Holds the pidfile while
 * it runs; being told to stop is no error.
 */
export async function runService(
  options: ServiceOptions,
  body: (context: ServiceContext) => Promise<ExitCode>,
): Promise<ExitCode> {
  const parent = backgroundParent();
  const isBackground = parent !== undefined;
  if (options.common.daemon && !isBackground) return startInBackground(options);

  let isTerminalUsed = !isBackground;
  const log = openServiceLog(options, (line) => {
    if (isTerminalUsed) process.stderr.write(`${line}\n`);
  });
  const pidfile = options.pidfile === undefined ? undefined : takePidfile(options.pidfile, options.program);
  process.once('exit', () => pidfile?.release());
  const reloads: (() => void)[] = [];
  const lifecycle = listenToSignals({
    onReload() {
      log.reopen();
      log.logger.info('Reloaded');
      for (const reload of reloads) reload();
    },
    endAtOnce: () => process.exit(ENDED_BY_SECOND_SIGNAL),
  });
  // Whoever started it has given up before it was ready: it must not come up behind that person's back.
  parent?.onAbandoned(() => lifecycle.stop('the end of the process that started it'));

  log.logger.info({ program: options.program }, 'Started');
  try {
    const exitCode = await body({
      log: log.logger,
      signal: lifecycle.signal,
      ready(warnings = []) {
        if (parent === undefined) for (const warning of warnings) log.logger.warn(warning);
        else void parent.report({ kind: 'ready', warnings });
      },
      onReload: (callback) => void reloads.push(callback),
    });
    log.logger.info({ exitCode }, 'Stopped');
    return exitCode;
  } catch (error) {
    return endedBy(error, lifecycle, log, () => {
      isTerminalUsed = false;
    });
  } finally {
    pidfile?.release();
    lifecycle.close();
  }
}

function endedBy(error: unknown, lifecycle: Lifecycle, log: Log, muteTerminal: () => void): ExitCode {
  if (lifecycle.signal.aborted && isAbort(error, lifecycle.signal)) {
    log.logger.info('Stopped');
    return 0;
  }
  // The terminal gets it as one line from the program's end.
  muteTerminal();
  log.logger.fatal({ err: error }, 'Ended by an error');
  throw error;
}

/** True when the error says no more than that the work was told to stop. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  return error === signal.reason || (error instanceof Error && error.name === 'AbortError');
}

async function startInBackground(options: ServiceOptions): Promise<ExitCode> {
  const logfile = required(options.logfile, 'logfile');
  const pidfile = required(options.pidfile, 'pidfile');
  assertPidfileFree(pidfile, options.program);
  const report = await startDaemon({
    execPath: process.execPath,
    args: [...process.execArgv, ...process.argv.slice(1)],
    environment: { ...process.env, [DAEMON_VARIABLE]: '1' },
    logfile,
    deadlineMs: READY_DEADLINE_MS,
  });
  if (report.kind === 'failed') {
    process.stderr.write(`${report.lines.join('\n')}\n`);
    return report.exitCode as ExitCode;
  }
  for (const warning of report.warnings) {
    process.stderr.write(`${options.program}: warning: ${redactConninfo(warning)}\n`);
  }
  return 0;
}

function required(value: string | undefined, key: string): string {
  if (value === undefined) {
    throw new ReplicateError('PC102', `The key "${key}" is not set; a program in the background needs it.`, {
      key,
    });
  }
  return value;
}

function openServiceLog(options: ServiceOptions, write: (line: string) => void): Log {
  try {
    const log = openLog({
      level: logLevel(options.common, true),
      logfile: options.logfile,
      syslog: options.syslog,
      terminal: { write, colours: process.stderr.isTTY === true },
      redact: redactConninfo,
    });
    return { ...log, logger: log.logger.child({ job: options.jobName }) };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = `The logfile ${options.logfile} cannot be opened (${code}).`;
    throw new ReplicateError('PC102', message, { key: 'logfile' }, { cause });
  }
}
