import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/demo/embedded-server.js';
import { Cluster } from './cluster.js';
import { serverFolder } from './server-folder.js';

/** Debian's PostgreSQL 15 and Debian's programs of PgQ and Londiste. */
export const STOCK_PROGRAMS = '/usr/lib/postgresql/15';
const PACKAGES = [
  'postgresql-15',
  'postgresql-15-pgq3',
  'postgresql-15-pgq-node',
  'postgresql-15-londiste-sql',
  'pgqd',
  'python3-pgq',
  'python3-londiste',
];
const FILES = [
  `${STOCK_PROGRAMS}/bin/postgres`,
  '/usr/share/postgresql/15/extension/pgq.control',
  '/usr/share/postgresql/15/extension/londiste.control',
  '/usr/bin/pgqd',
  '/usr/bin/londiste',
  '/usr/bin/python3',
  '/usr/lib/python3/dist-packages/pgq',
];

/**
 * Makes sure that the stock packages are there. Returns why they cannot be used, or undefined. They are installed when we
 * are root on a Debian; nothing is started.
 */
export function whyNoStockPackages(): string | undefined {
  if (arePackagesThere()) return undefined;
  if (process.getuid?.() !== 0) return `not root, and ${PACKAGES.join(', ')} are not all installed`;
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

/** The title of a suite that needs the stock packages: it says why it is skipped. */
export function stockTitle(title: string, reason: string | undefined): string {
  return reason === undefined ? title : `${title}: SKIPPED, ${reason}`;
}

/** A server of the stock programs with its own data folder, on a free port. The caller stops it. */
export async function startStockServer(
  settings: Readonly<Record<string, string>> = {},
): Promise<EmbeddedServer> {
  return startEmbeddedServer({
    major: 15,
    programs: STOCK_PROGRAMS,
    settings,
    templates: process.env['PGCASCADE_TEST_STOCK_TEMPLATES'],
    parent: serverFolder(),
  });
}

/** The same, as the tests have other servers. The caller stops it. */
export async function startStockCluster(settings: Readonly<Record<string, string>> = {}): Promise<Cluster> {
  const server = await startStockServer(settings);
  return new Cluster(15, {
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    kill: () => server.kill(),
    restart: () => server.restart(),
    stop: () => server.stop(),
  });
}

function arePackagesThere(): boolean {
  return FILES.every((file) => existsSync(file));
}
