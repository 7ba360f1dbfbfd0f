import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { OtherProgram } from '../../../src/demo/program.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** The first migration of schema pgcascade that the older version does not have, and the routines that came with it. */
const FIRST_MISSING = '0017_ranged_copy.sql';
const MISSING_ROUTINES = ['ranged_copy'];

/** The programs, with the SQL of an older version: that is the version that they install and expect. */
export interface OlderBuild extends AsyncDisposable {
  /** To be run by Node.js. */
  readonly node: OtherProgram;
  program(name: 'replicate' | 'ticker'): string;
}

/** Makes a copy of the compiled programs whose SQL ends before the last migrations. They can do what needs none of it. */
export async function openOlderBuild(): Promise<OlderBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'pgcascade-older-'));
  for (const part of ['dist', 'bin', 'sql', 'package.json']) {
    await cp(join(ROOT, part), join(folder, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const sql = join(folder, 'sql', 'pgcascade');
  for (const name of await readdir(join(sql, 'migrations'))) {
    if (name >= FIRST_MISSING) await rm(join(sql, 'migrations', name));
  }
  const order = join(sql, 'load-order.txt');
  const names = (await readFile(order, 'utf8')).split('\n');
  await writeFile(order, names.filter((name) => !MISSING_ROUTINES.includes(name)).join('\n'));
  for (const name of MISSING_ROUTINES) await rm(join(sql, 'routines', `${name}.sql`));
  return {
    node: { path: process.execPath },
    program: (name) => join(folder, 'bin', name),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
