import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, closeSync, existsSync, openSync } from 'node:fs';
import { mkdtemp, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { ServerAccount } from './server-account.js';

export interface DataFolderOptions {
  readonly major: number;
  /** The folder with `bin/initdb`. */
  readonly programs: string;
  readonly account: ServerAccount | undefined;
  /** An existing folder of the account: `data` is made in it. */
  readonly folder: string;
  /** A folder that outlives the server: the data folder is made there once per version and copied. */
  readonly templates?: string | undefined;
}

/** Makes the data folder of a new server: superuser `postgres`, no passwords, encoding UTF8, locale C. */
export async function makeDataFolder(options: DataFolderOptions): Promise<void> {
  const { major, programs, account, folder, templates } = options;
  const data = join(folder, 'data');
  if (templates === undefined) return initialise(programs, data, account, folder);
  const template = await dataTemplate(templates, major, programs, account);
  await run('cp', ['-R', template, data], account, folder);
}

async function dataTemplate(
  templates: string,
  major: number,
  programs: string,
  account: ServerAccount | undefined,
): Promise<string> {
  const template = join(templates, String(major));
  if (existsSync(template)) return template;
  const half = await mkdtemp(`${template}-`);
  if (account !== undefined) chownSync(half, account.uid, account.gid);
  await initialise(programs, join(half, 'data'), account, half);
  try {
    await rename(join(half, 'data'), template);
  } catch (error) {
    // Another process was faster; both are the same.
    if (!existsSync(template)) throw error;
  }
  await rm(half, { recursive: true, force: true });
  return template;
}

async function initialise(
  programs: string,
  data: string,
  account: ServerAccount | undefined,
  folder: string,
): Promise<void> {
  const options = ['-D', data, '--locale=C', '-E', 'UTF8', '-A', 'trust', '-U', 'postgres', '-N'];
  await run(join(programs, 'bin', 'initdb'), options, account, folder);
}

async function run(
  program: string,
  options: readonly string[],
  account: ServerAccount | undefined,
  folder: string,
): Promise<void> {
  const messages = join(folder, 'setup.log');
  const log = openSync(messages, 'a');
  const child = spawn(program, options, {
    ...account,
    cwd: folder,
    env: serverEnvironment(),
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
  if (code === 0) return;
  throw new Error(`${program} ended with ${code ?? signal}: ${(await readFile(messages, 'utf8')).trim()}`);
}

/** Nothing of our own environment may change the server: PGPORT, PGDATA, locale. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
}
