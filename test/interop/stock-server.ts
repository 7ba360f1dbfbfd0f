import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/demo/embedded-server.js';

/** Debian's PostgreSQL 15 with its stock packages. */
const PROGRAMS = '/usr/lib/postgresql/15';
const PACKAGES = ['postgresql-15', 'postgresql-15-pgq3'];
const FILES = [`${PROGRAMS}/bin/postgres`, '/usr/share/postgresql/15/extension/pgq.control'];

/**
 * Makes sure that the stock packages are there. Returns why they cannot be used, or undefined. They are installed when we
 * are root on a Debian; nothing is started.
 */
export function whyNoStockPackages(): string | undefined {
  if (arePackagesThere()) return undefined;
  if (process.getuid?.() !== 0) return `not root, and ${PACKAGES.join(' and ')} are not installed`;
  if (!existsSync('/usr/bin/apt-get')) return 'this is not a Debian: there is no apt-get';
  const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const run = (words: readonly string[]) =>
    spawnSync('apt-get', [...words], { env: environment, encoding: 'utf8', timeout: 100_000 });
  const install = ['install', '-y', '--no-install-recommends', ...PACKAGES];
  if (run(install).status !== 0) {
    run(['update']);
    const second = run(install);
    if (second.status !== 0)
      return `apt-get install failed: ${second.stderr.trim().split('\n').at(-1) ?? ''}`;
  }
  return arePackagesThere() ? undefined : 'the packages do not hold what they should';
}

/** A server of the stock programs with its own data folder, on a free port. The caller stops it. */
export async function startStockServer(): Promise<EmbeddedServer> {
  return startEmbeddedServer({ major: 15, programs: PROGRAMS });
}

function arePackagesThere(): boolean {
  return FILES.every((file) => existsSync(file));
}
