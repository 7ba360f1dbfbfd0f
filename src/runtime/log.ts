import { closeSync, openSync, writeSync } from 'node:fs';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { errorFields } from './error-fields.js';
import { prettyLines } from './pretty-lines.js';
import { openSyslog, type Syslog, type SyslogOptions } from './syslog.js';

/** A log of one component: `log.info({ queue, tick }, 'Batch applied')`: a constant sentence and fields. */
export type Logger = PinoLogger;

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

export interface LogOptions {
  readonly level: LogLevel;
  /** JSON lines are appended to this file. */
  readonly logfile?: string | undefined;
  /** Readable lines are handed to this, one at a time, without the line end. */
  readonly terminal?: { write(line: string): void; readonly colours: boolean } | undefined;
  /** Readable lines without the time go to the system's log too. */
  readonly syslog?: SyslogOptions | undefined;
  /** Takes passwords out of a text: applied to every text that is logged. */
  readonly redact: (text: string) => string;
}

export interface Log {
  readonly logger: Logger;
  /** Opens the logfile and the way to the syslog anew, so that the file can be moved away by log rotation. Goes on with the old one when it cannot. */
  reopen(): void;
  /** Closes the logfile; what is logged after it goes to the terminal only. */
  close(): void;
}

/**
 * Starts the log of a program. Every line is written before the call returns, so a killed process loses none.
 *
 * Throws the file system's error when the logfile cannot be opened.
 */
export function openLog(options: LogOptions): Log {
  const { logfile, terminal, redact } = options;
  let syslog: Syslog | undefined;
  let file = logfile === undefined ? undefined : openSync(logfile, 'a');
  const common = {
    ignore: 'pid,hostname',
    translateTime: 'SYS:standard',
    singleLine: true,
    errorLikeObjectKeys: [],
    messageFormat: (fields: Readonly<Record<string, unknown>>, name: string) =>
      oneLine(String(fields[name] ?? '')),
  };
  const pretty = terminal === undefined ? undefined : prettyLines({ ...common, colorize: terminal.colours });
  const brief = prettyLines({ ...common, colorize: false, ignore: 'pid,hostname,time,level' });
  const destination: DestinationStream = {
    write(raw) {
      const line = redactLine(raw, redact);
      if (file !== undefined) writeIfPossible(file, line);
      if (terminal !== undefined && pretty !== undefined) terminal.write(pretty(line).trimEnd());
      // With --quiet and the like pino has left out the line already.
      if (syslog !== undefined) syslog.write(levelOf(line), brief(line).trim());
    },
  };
  const hasStacks = options.level === 'debug' || options.level === 'trace';
  const logger = pino(
    {
      level: options.level,
      timestamp: pino.stdTimeFunctions.isoTime,
      base: { pid: process.pid },
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => errorFields(error, hasStacks) },
    },
    destination,
  );
  if (options.syslog !== undefined) {
    syslog = openSyslog(options.syslog, (reason) => {
      logger.warn({ reason }, 'Nothing is written to the syslog');
    });
  }
  return {
    logger,
    reopen() {
      syslog?.reopen();
      if (logfile === undefined || file === undefined) return;
      try {
        const reopened = openSync(logfile, 'a');
        closeSync(file);
        file = reopened;
      } catch (error) {
        logger.error({ err: error }, 'Logfile cannot be reopened');
      }
    },
    close() {
      syslog?.close();
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

/** What a server says may have several lines, or move the cursor of a terminal. */
function oneLine(message: string): string {
  return message.replaceAll(/[^ -\uffff]/g, (character) => JSON.stringify(character).slice(1, -1));
}

function levelOf(line: string): string {
  return (JSON.parse(line) as { level: string }).level;
}

function writeIfPossible(file: number, line: string): void {
  try {
    writeSync(file, line);
  } catch {
    // A full disk of the logfile must not stop the work; there is no other place to say so.
  }
}

/** Redacts every text of a finished line, wherever it came from: fields, bindings of child logs, errors, the message. */
function redactLine(line: string, redact: (text: string) => string): string {
  // Nearly all lines hold nothing to take out. With a backslash a text looks otherwise than it is: the space after "password" may be a "\\n".
  if (!line.includes('\\') && redact(line) === line) return line;
  const redacted: unknown = JSON.parse(line, (_, value: unknown) =>
    typeof value === 'string' ? redact(value) : value,
  );
  return `${JSON.stringify(redacted)}\n`;
}
