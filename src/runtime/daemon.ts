import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { ReplicateError } from '../errors/replicate-error.js';

/** What a program in the background tells the one that started it, once. */
export type DaemonReport =
  | { readonly kind: 'ready'; readonly warnings: readonly string[] }
  | { readonly kind: 'failed'; readonly lines: readonly string[]; readonly exitCode: number };

export interface DaemonOptions {
  readonly execPath: string;
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** What the process writes outside its log goes here too, such as the last words of a crash. */
  readonly logfile: string;
  readonly deadlineMs: number;
}

/**
 * Starts a program in the background and waits for its report. On return it either runs detached from this process
 * and its terminal, or is gone.
 *
 * Throws PC102 when the logfile cannot be opened, PC106 when the program says nothing in time or dies silently.
 */
export async function startDaemon(options: DaemonOptions): Promise<DaemonReport> {
  const log = openLogfile(options.logfile);
  const child = spawn(options.execPath, [...options.args], {
    detached: true,
    env: options.environment,
    stdio: ['ignore', log, log, 'ipc'],
  });
  closeSync(log);
  let timer: NodeJS.Timeout | undefined;
  try {
    return await new Promise<DaemonReport>((resolve, reject) => {
      const silent = (what: string, cause?: unknown): void =>
        reject(new ReplicateError('PC106', `The program in the background ${what}.`, {}, { cause }));
      child.once('message', (report) => resolve(report as DaemonReport));
      child.once('error', (error) => silent('cannot be started', error));
      child.once('exit', (code, signal) =>
        silent(`ended with ${signal ?? `code ${code}`} before it was ready`),
      );
      timer = setTimeout(() => {
        child.kill('SIGKILL');
        silent(`was not ready within ${options.deadlineMs / 1000} s`);
      }, options.deadlineMs);
    });
  } finally {
    clearTimeout(timer);
    child.removeAllListeners();
    if (child.connected) child.disconnect();
    child.unref();
  }
}

/** The other end of `startDaemon`, in the program in the background. Undefined when there is nobody to report to. */
export interface DaemonParent {
  /** Sends the report and lets go of the parent. Only the first report is sent; false for any other. */
  report(report: DaemonReport): Promise<boolean>;
  /** Calls back when the parent goes away before it got a report. */
  onAbandoned(callback: () => void): void;
}

/** The process that started this one in the background, if one did. */
export function daemonParent(): DaemonParent | undefined {
  if (process.send === undefined) return undefined;
  let isReported = false;
  return {
    async report(report) {
      if (isReported || !process.connected) return false;
      isReported = true;
      await new Promise<void>((resolve) => {
        // A parent that is gone by now does not need the report.
        process.send?.(report, undefined, {}, () => resolve());
      });
      if (process.connected) process.disconnect();
      return true;
    },
    onAbandoned(callback) {
      process.once('disconnect', () => {
        if (!isReported) callback();
      });
    },
  };
}

function openLogfile(path: string): number {
  try {
    return openSync(path, 'a');
  } catch (cause) {
    const reason = (cause as NodeJS.ErrnoException).code;
    throw new ReplicateError(
      'PC102',
      `The logfile ${path} cannot be opened (${reason}).`,
      { path },
      { cause },
    );
  }
}
