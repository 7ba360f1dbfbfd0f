import { readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, resolve } from 'node:path';

/** The account that a server runs under; undefined means ours. */
export interface ServerAccount {
  readonly uid: number;
  readonly gid: number;
}

const NOBODY = 65534;

/**
 * The account for servers started by this process. PostgreSQL refuses to run as root, so root starts them as `nobody`;
 * everyone else as himself.
 */
export function serverAccount(): ServerAccount | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const nobody = /^nobody:[^:]*:(\d+):(\d+):/m.exec(readFileSync('/etc/passwd', 'utf8'));
  return { uid: Number(nobody?.[1] ?? NOBODY), gid: Number(nobody?.[2] ?? NOBODY) };
}

/** True when an account that has no rights of its own may enter the folder and read there. */
export function isOpenToEveryone(path: string): boolean {
  for (let folder = resolve(path); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & 0o001) === 0) return false;
    if (folder === dirname(folder)) return true;
  }
}

/** The folder for temporary files that the servers' account can enter: TMPDIR of root is often closed. */
export function temporaryRoot(account: ServerAccount | undefined): string {
  const own = tmpdir();
  return account === undefined || isOpenToEveryone(own) ? own : '/tmp';
}
