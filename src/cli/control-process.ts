import { ReplicateError } from '../errors/replicate-error.js';
import { type PidfileHolder, readPidfile } from '../runtime/pidfile.js';
import { isProcessThere } from '../runtime/process-table.js';
import { sleep } from '../runtime/sleep.js';
import type { CommonOptions } from './common-options.js';

/** What -s, -k and -r ask for. */
export type ControlRequest = 'stop' | 'kill' | 'reload';

const POLL_MS = 20;
/** A worker finishes what it does: a block of a large transaction may take its time. */
const STOP_DEADLINE_MS = 60_000;
const TERM_DEADLINE_MS = 5000;
const KILL_DEADLINE_MS = 5000;

/** The request that the options make, if any. Throws PC100 for more than one. */
export function controlRequest(options: CommonOptions): ControlRequest | undefined {
  const requests = (['stop', 'kill', 'reload'] as const).filter((request) => options[request]);
  if (requests.length > 1) {
    throw new ReplicateError('PC100', `--${requests.join(' and --')} cannot be used together.`);
  }
  return requests[0];
}

/**
 * Stops, kills or reloads the program that holds the pidfile. After a stop or kill it is gone.
 *
 * Throws PC105 when none runs, PC106 when it does not end in time, PC102 without a pidfile.
 */
export async function controlProcess(
  request: ControlRequest,
  program: string,
  pidfile: string | undefined,
): Promise<void> {
  if (pidfile === undefined) {
    throw new ReplicateError('PC102', `The key "pidfile" is not set, so --${request} finds no process.`, {
      key: 'pidfile',
    });
  }
  const holder = readPidfile(pidfile, program);
  if (holder.kind !== 'running') throw notRunning(program, pidfile, holder);
  const { pid } = holder;
  switch (request) {
    case 'reload':
      send(pid, 'SIGHUP');
      return;
    case 'stop':
      send(pid, 'SIGINT');
      if (await isGone(pid, STOP_DEADLINE_MS)) return;
      break;
    case 'kill':
      send(pid, 'SIGTERM');
      if (await isGone(pid, TERM_DEADLINE_MS)) return;
      send(pid, 'SIGKILL');
      if (await isGone(pid, KILL_DEADLINE_MS)) return;
  }
  const more = request === 'stop' ? '; --kill ends it at once' : '';
  throw new ReplicateError('PC106', `The ${program} with process ${pid} has not ended yet${more}.`, { pid });
}

function notRunning(program: string, pidfile: string, holder: PidfileHolder): ReplicateError {
  const reason =
    holder.kind === 'none'
      ? `there is no pidfile ${pidfile}`
      : `the process of the pidfile ${pidfile} has ended`;
  return new ReplicateError('PC105', `No ${program} runs: ${reason}.`, { pidfile });
}

function send(pid: number, signalName: NodeJS.Signals): void {
  try {
    process.kill(pid, signalName);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    // It has ended by itself, which is what was wanted or is seen next.
    if (code === 'ESRCH') return;
    throw new ReplicateError('PC105', `Process ${pid} cannot be signalled (${code}).`, { pid }, { cause });
  }
}

async function isGone(pid: number, deadlineMs: number): Promise<boolean> {
  const startedAt = performance.now();
  while (isProcessThere(pid)) {
    if (performance.now() - startedAt > deadlineMs) return false;
    await sleep(POLL_MS);
  }
  return true;
}
