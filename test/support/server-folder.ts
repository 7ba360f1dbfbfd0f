import { existsSync, statfsSync, statSync } from 'node:fs';
import { freemem } from 'node:os';

const MEMORY_FOLDER = '/dev/shm';
/** Far more than the servers of two test files need: none has more than its rows and 1 GB of WAL. */
const NEEDED_BYTES = 8 * 1024 ** 3;

/**
 * The folder for the data of test servers: one in memory where there is room for them all, because making and dropping
 * a database is up to fifteen times faster there; undefined, the system's for temporary files, where there is not.
 * PGCASCADE_TEST_FOLDER names another.
 */
export function serverFolder(): string | undefined {
  // A benchmark is no test run: it measures disks too.
  if (process.env['PGCASCADE_TEST_TEMPLATES'] === undefined) return undefined;
  const named = process.env['PGCASCADE_TEST_FOLDER'];
  if (named !== undefined) return named;
  // Of other owners' folders there, nobody but they may remove them: as in /tmp.
  if (!existsSync(MEMORY_FOLDER) || (statSync(MEMORY_FOLDER).mode & 0o1777) !== 0o1777) return undefined;
  const { bavail, bsize } = statfsSync(MEMORY_FOLDER);
  // What a container may have at most counts too: without a limit it is more than any machine has.
  const bytes = Math.min(bavail * bsize, freemem(), process.constrainedMemory() || Infinity);
  return bytes < NEEDED_BYTES ? undefined : MEMORY_FOLDER;
}
