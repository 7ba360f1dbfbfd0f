import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';

/**
 * Ends a server whose starter died: a shell that waits for the end of a pipe from this process, then stops the server
 * and removes its folder. Works for every way to die, SIGKILL too, which no exit handler does.
 */
export interface OrphanGuard {
  /** The server was ended in the ordinary way: nothing to guard any more. */
  release(): void;
}

const SCRIPT = `
if read -r line; then exit 0; fi
kill -QUIT "$1" 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$1" 2>/dev/null || break; sleep 0.2; done
kill -KILL "$1" 2>/dev/null
if [ -n "$2" ]; then rm -rf "$2"; fi
`;

/** Guards the process `processId`; `folder` is removed with it. */
export function guardOrphan(processId: number, folder: string): OrphanGuard {
  const shell: ChildProcess = spawn('/bin/sh', ['-c', SCRIPT, 'orphan-guard', String(processId), folder], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
    cwd: '/',
  });
  // A guard that is gone already cannot be told anything.
  shell.on('error', () => undefined);
  shell.stdin?.on('error', () => undefined);
  shell.unref();
  (shell.stdin as Socket | null)?.unref();
  return {
    release() {
      shell.stdin?.end('done\n');
    },
  };
}
