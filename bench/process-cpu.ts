import { readdirSync, readFileSync } from 'node:fs';

/** Clock ticks of Linux; the same on all platforms that Node.js runs on. */
const TICK_MS = 10;

/** Processor time of a process, in milliseconds, with the children that have ended. */
export function ownCpuMs(pid: number): number {
  const [user, system, endedUser, endedSystem] = statOf(pid).slice(11, 15).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return (user + system + endedUser + endedSystem) * TICK_MS;
}

/** Processor time of a process and all of its children, those that have ended too: of a server by its first process. */
export function treeCpuMs(pid: number): number {
  const children = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((each) => parentOf(each) === pid);
  return children.reduce((sum, child) => sum + safely(() => ownCpuMs(child)), ownCpuMs(pid));
}

/** The process that started this one. */
export function parentOf(pid: number): number {
  return safely(() => Number(statOf(pid)[1]));
}

/** The most memory that a process has had, in megabytes. */
export function peakMegabytes(pid: number): number {
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Math.round(Number(kilobytes) / 1024);
}

/** The fields after the name, which may have blanks: state, parent, … */
function statOf(pid: number): string[] {
  return readFileSync(`/proc/${pid}/stat`, 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ');
}

/** 0 for a process that is gone. */
function safely(read: () => number): number {
  try {
    return read();
  } catch {
    return 0;
  }
}
