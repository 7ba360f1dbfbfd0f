import { readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** The resolution of the start time in /proc: fixed at 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Clock adjustments and rounding between a process's start time and a file's. */
const CLOCK_SLACK_MS = 5000;

/** True when a process of that id runs, ours or not. One that has ended and waits to be collected does not run. */
export function isProcessThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return processFields(pid)?.[0] !== 'Z';
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/**
 * True when the process may be the one of `program` that wrote a file at `writtenAtMs`. False when its command line
 * is another's, or when it began only after the file was written: the id was used again, as after a restart of
 * the machine. Where /proc cannot be read the answer is true.
 */
export function mayBeProgram(pid: number, program: string, writtenAtMs: number): boolean {
  const words = commandLine(pid);
  if (words === undefined) return true;
  if (!words.some((word) => basename(word).replace(/\.[cm]?[jt]s$/, '') === program)) return false;
  const startedAtMs = startTimeMs(pid);
  return startedAtMs === undefined || startedAtMs <= writtenAtMs + CLOCK_SLACK_MS;
}

function commandLine(pid: number): string[] | undefined {
  const content = readProc(`/proc/${pid}/cmdline`);
  // A process that has just ended has an empty command line.
  return content === undefined ? undefined : content.split('\0').filter((word) => word !== '');
}

function startTimeMs(pid: number): number | undefined {
  const bootSeconds = /^btime (\d+)$/m.exec(readProc('/proc/stat') ?? '')?.[1];
  const startTicks = processFields(pid)?.[19];
  if (bootSeconds === undefined || startTicks === undefined) return undefined;
  return (Number(bootSeconds) + Number(startTicks) / TICKS_PER_SECOND) * 1000;
}

/** The words of /proc/PID/stat after the name in parentheses, which may hold spaces: first the state. */
function processFields(pid: number): string[] | undefined {
  const stat = readProc(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // No Linux, or the process is gone: the caller goes by what is left.
    return undefined;
  }
}
