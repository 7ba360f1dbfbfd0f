import { appendFile, cp, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Program } from '../../../src/demo/program.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** By schema: what the next version changes in tables that every program reads or writes all the time, and a routine that needs it. */
const NEXT = {
  pgq: {
    migration: 'alter table pgq.queue add column queue_note text;',
    routine: `create or replace function pgq._queue_note(i_queue_name text)
      returns text language sql as $$ select q.queue_note from pgq.queue as q where q.queue_name = i_queue_name $$;`,
    name: '_queue_note',
  },
  pgcascade: {
    migration: `alter table pgcascade.capture_plan add column note text;
      alter table pgcascade.table_error add column note text;
      alter table londiste.table_info add column note text;`,
    routine: `create or replace function pgcascade.noted_tables()
      returns setof text language sql as $$ select p.note from pgcascade.capture_plan as p $$;`,
    name: 'noted_tables',
  },
} as const;

/** The programs of the next version: it installs and expects migrations that this one does not know. */
export interface NewerBuild extends AsyncDisposable {
  start(name: 'replicate' | 'ticker', words: readonly string[], folder: string): Program;
}

/** Makes a copy of the compiled programs whose SQL has migrations and routines more. */
export async function openNewerBuild(): Promise<NewerBuild> {
  const root = await mkdtemp(join(tmpdir(), 'pgcascade-newer-'));
  for (const part of ['dist', 'bin', 'sql', 'package.json']) {
    await cp(join(ROOT, part), join(root, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(root, 'node_modules'));
  for (const [schema, { migration, routine, name }] of Object.entries(NEXT)) {
    const sql = join(root, 'sql', schema);
    await writeFile(join(sql, 'migrations', '9000_next.sql'), migration);
    await writeFile(join(sql, 'routines', `${name}.sql`), routine);
    await appendFile(join(sql, 'load-order.txt'), `\n${name}\n`);
  }
  return {
    start: (name, words, folder) =>
      new Program({ path: process.execPath }, [join(root, 'bin', name), ...words], { folder }),
    [Symbol.asyncDispose]: () => rm(root, { recursive: true, force: true }),
  };
}
