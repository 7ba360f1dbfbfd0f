import { linkSync, readFileSync, renameSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { ReplicateError } from '../errors/replicate-error.js';
import { isProcessThere, mayBeProgram } from './process-table.js';

/** Who holds a pidfile. */
export type PidfileHolder =
  | { readonly kind: 'none' }
  /** Its process is gone, or is another program's by now. */
  | { readonly kind: 'stale'; readonly pid: number | undefined }
  | { readonly kind: 'running'; readonly pid: number };

export interface Pidfile {
  /** Removes the file, if it is still ours. Safe to repeat. */
  release(): void;
}

/** How often a stale file is taken over before giving up: each failure means that another program did so first. */
const TAKEOVER_ATTEMPTS = 5;

/**
 * Who holds the pidfile, as far as can be seen.
 *
 * Throws PC102 when the file holds something else than a process id: it is then a file of another purpose.
 */
export function readPidfile(path: string, program: string): PidfileHolder {
  let text: string;
  let writtenAtMs: number;
  try {
    text = readFileSync(path, 'utf8').trim();
    writtenAtMs = statSync(path).mtimeMs;
  } catch (error) {
    if (isFileError(error, 'ENOENT')) return { kind: 'none' };
    throw cannotUse(path, error);
  }
  // Empty: the machine went down, or the disk was full, while it was written.
  if (text === '') return { kind: 'stale', pid: undefined };
  if (!/^\d{1,10}$/.test(text)) {
    throw new ReplicateError('PC102', `The pidfile ${path} is another file: it holds no process id.`, {
      path,
    });
  }
  const pid = Number(text);
  const isHeld = pid !== process.pid && isProcessThere(pid) && mayBeProgram(pid, program, writtenAtMs);
  return isHeld ? { kind: 'running', pid } : { kind: 'stale', pid };
}

/**
 * Takes the pidfile as the program's lock; a stale one is taken over. The file is complete from its first moment.
 *
 * Throws PC104 when a running program holds it, PC102 when it cannot be written.
 */
export function takePidfile(path: string, program: string): Pidfile {
  const own = `${path}.${process.pid}`;
  try {
    writeFileSync(own, `${process.pid}\n`);
  } catch (error) {
    throw cannotUse(path, error);
  }
  try {
    for (let attempt = 1; attempt <= TAKEOVER_ATTEMPTS; attempt++) {
      if (linked(own, path)) return { release: () => release(path) };
      const holder = readPidfile(path, program);
      if (holder.kind === 'running') throw held(path, program, holder.pid);
      if (holder.kind === 'stale') setAside(path, holder.pid);
    }
    throw new ReplicateError('PC104', `Other programs take the pidfile ${path} at the same time.`, { path });
  } finally {
    removeIfThere(own);
  }
}

/** Throws PC104 when a running program holds the pidfile. */
export function assertPidfileFree(path: string, program: string): void {
  const holder = readPidfile(path, program);
  if (holder.kind === 'running') throw held(path, program, holder.pid);
}

function held(path: string, program: string, pid: number): ReplicateError {
  return new ReplicateError('PC104', `A ${program} with the pidfile ${path} runs already, process ${pid}.`, {
    path,
    pid,
  });
}

/** Moves a stale file away. Puts it back when another program has replaced it since it was read. */
function setAside(path: string, stalePid: number | undefined): void {
  const aside = `${path}.stale.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    // Another program was quicker: the next attempt sees its file.
    if (isFileError(error, 'ENOENT')) return;
    throw cannotUse(path, error);
  }
  const text = readFileSync(aside, 'utf8').trim();
  if (text !== String(stalePid ?? '')) linked(aside, path);
  removeIfThere(aside);
}

function release(path: string): void {
  try {
    if (readFileSync(path, 'utf8').trim() === String(process.pid)) unlinkSync(path);
  } catch {
    // It is gone already, which is what was wanted, or cannot be removed: the next start finds it stale.
  }
}

/** Gives a file a second name. False when the name is taken. */
function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (isFileError(error, 'EEXIST')) return false;
    throw cannotUse(to, error);
  }
}

function removeIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isFileError(error, 'ENOENT')) throw cannotUse(path, error);
  }
}

function cannotUse(path: string, cause: unknown): ReplicateError {
  const reason = (cause as NodeJS.ErrnoException).code ?? String(cause);
  return new ReplicateError('PC102', `The pidfile ${path} cannot be used (${reason}).`, { path }, { cause });
}

function isFileError(error: unknown, code: string): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === code;
}
