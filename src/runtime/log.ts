import { closeSync, openSync, writeSync } from 'node:fs';
import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import { errorFields } from './error-fields.js';

/** A log of one component: `log.info({ queue, tick }, 'Batch applied')`: a constant sentence and fields. */
export type Logger = PinoLogger;

export type LogLevel = 'error' | 'warn' | 'info' | 'debug' | 'trace';

export interface LogOptions {
  readonly level: LogLevel;
  /** JSON lines are appended to this file. */
  readonly logfile?: string | undefined;
  /** Readable lines are handed to this, one at a time, without the line end. */
  readonly terminal?: { write(line: string): void; readonly colours: boolean } | undefined;
  /** Takes passwords out of a text: applied to every text that is logged. */
  readonly redact: (text: string) => string;
}

export interface Log {
  readonly logger: Logger;
  /** Opens the logfile anew, so that it can be moved away by log rotation. Goes on with the old one when it cannot. */
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
  let file = logfile === undefined ? undefined : openSync(logfile, 'a');
  const pretty =
    terminal === undefined
      ? undefined
      : prettyFactory({
          colorize: terminal.colours,
          ignore: 'pid,hostname',
          translateTime: 'SYS:standard',
          singleLine: true,
          errorLikeObjectKeys: [],
        });
  const destination: DestinationStream = {
    write(line) {
      if (file !== undefined) writeSync(file, line);
      if (terminal !== undefined && pretty !== undefined) terminal.write(pretty(line).trimEnd());
    },
  };
  const hasStacks = options.level === 'debug' || options.level === 'trace';
  const logger = pino(
    {
      level: options.level,
      timestamp: pino.stdTimeFunctions.isoTime,
      base: { pid: process.pid },
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redactFields(fields, redact),
        bindings: (fields) => redactFields(fields, redact),
      },
      serializers: { err: (error: unknown) => redactValue(errorFields(error, hasStacks), redact, 0) },
      hooks: {
        logMethod(values, method) {
          const redacted = values.map((value) => (typeof value === 'string' ? redact(value) : value));
          method.apply(this, redacted as typeof values);
        },
      },
    },
    destination,
  );
  return {
    logger,
    reopen() {
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
      if (file !== undefined) closeSync(file);
      file = undefined;
    },
  };
}

function redactFields<T extends object>(fields: T, redact: (text: string) => string, depth = 0): T {
  const entries = Object.entries(fields).map(([name, value]) => [name, redactValue(value, redact, depth)]);
  return Object.fromEntries(entries) as T;
}

function redactValue(value: unknown, redact: (text: string) => string, depth: number): unknown {
  if (typeof value === 'string') return redact(value);
  if (typeof value === 'bigint') return value.toString();
  // An error is made plain by its own serializer. Below a few levels nothing of ours is ever logged.
  if (typeof value !== 'object' || value === null || value instanceof Error || depth > 3) return value;
  if (Array.isArray(value)) return value.map((item) => redactValue(item, redact, depth + 1));
  return redactFields(value, redact, depth + 1);
}
