import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { openConnection } from '../../src/db/connect.js';
import { startEmbeddedServer } from '../../src/demo/embedded-server.js';
import { serverAccount } from '../../src/demo/server-account.js';
import { serverPrograms } from '../../src/demo/server-programs.js';
import { installSchemas } from '../../src/install/install-schemas.js';

/** The database in which all our schemas are installed: UTF8, and nobody can connect to it, so that it can always be copied. */
export const INSTALLED_DATABASE = 'pgcascade_installed';

/**
 * Makes `templates/<major>` when it is not there: the data folder that the test servers of this major version are copied from,
 * with INSTALLED_DATABASE in it. Safe to run in several processes at once.
 */
export async function makeInstalledTemplate(templates: string, major: number): Promise<void> {
  const template = join(templates, String(major));
  if (existsSync(template)) return;
  const half = await mkdtemp(`${template}-`);
  await chmod(half, 0o711);
  // A folder that is copied for each server is to have no spare WAL.
  await using server = await startEmbeddedServer({
    major,
    programs: await serverPrograms(major, serverAccount(), templates),
    parent: half,
    settings: { min_wal_size: '32MB' },
  });
  await installIn(server.port);
  await server.end();
  try {
    await rename(server.dataFolder, template);
  } catch (error) {
    // Another process was faster; both are the same.
    if (!existsSync(template)) throw error;
  }
  await server.stop();
  await rm(half, { recursive: true, force: true });
}

async function installIn(port: number): Promise<void> {
  const connect = (database: string) =>
    openConnection({ host: '127.0.0.1', port, database, user: 'postgres' }, { application: 'template' });
  await using server = await connect('postgres');
  await server.execute(`create database ${INSTALLED_DATABASE} template template0 encoding 'UTF8'`);
  await using database = await connect(INSTALLED_DATABASE);
  await installSchemas(database);
  await database.close();
  await server.execute(`alter database ${INSTALLED_DATABASE} allow_connections false`);
}
