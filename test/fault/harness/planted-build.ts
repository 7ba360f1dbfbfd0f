import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Fault } from './schedule.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const FILE = 'dist/worker/process-batch.js';

/** A mistake for the harness to find: the text that is replaced in the compiled program, and what stands there then. */
export interface PlantedBug {
  readonly name: string;
  readonly replaces: string;
  readonly by: string;
  /** It shows only under such a fault; without it, under any, or none. */
  readonly shownBy?: (fault: Fault) => boolean;
}

const EVENTS = 'const events = block.filter((event) => !isHereOrLeftOut(ports, batch, event));';
const ROWS_WRITTEN = 'eventCount = applier.applied;';

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'finish_batch before the commit',
    replaces: ROWS_WRITTEN,
    by: `${ROWS_WRITTEN} await finishBatch(ports.provider, batch);`,
    shownBy: (fault) => fault.kind === 'failpoint' && fault.name === 'worker-before-commit',
  },
  {
    name: 'a lost event',
    replaces: EVENTS,
    by: EVENTS.replace('.filter((event) => ', '.filter((event) => event.id % 1009n !== 0n && '),
  },
  {
    name: 'a doubled event',
    replaces: EVENTS,
    by: EVENTS.replace('));', ')).flatMap((event) => event.id % 211n === 0n ? [event, event] : [event]);'),
  },
  {
    name: 'a batch applied in part',
    replaces: EVENTS,
    by: `const isSecond = applier.blocks > 0; applier.blocks = (applier.blocks ?? 0) + 1;
         if (isSecond) { await applier.settle(); await tx.execute('commit'); await tx.execute('begin'); }
         ${EVENTS}`,
  },
];

/** A copy of the compiled programs with a bug in it. */
export interface PlantedBuild extends AsyncDisposable {
  /** The folder of its programs. */
  readonly bin: string;
}

/** Throws when the place of the bug is not in the program any more: then the bug is to be planted elsewhere. */
export async function plant({ name, replaces, by }: PlantedBug): Promise<PlantedBuild> {
  const folder = await mkdtemp(join(tmpdir(), 'pgcascade-planted-'));
  for (const part of ['dist', 'bin', 'package.json']) {
    await cp(join(ROOT, part), join(folder, part), { recursive: true });
  }
  for (const part of ['sql', 'node_modules']) await symlink(join(ROOT, part), join(folder, part));
  const path = join(folder, FILE);
  const text = await readFile(path, 'utf8');
  if (text.split(replaces).length !== 2) throw new Error(`${FILE} has no one place for the bug: ${name}`);
  await writeFile(
    path,
    text.replace(replaces, () => by),
  );
  return {
    bin: join(folder, 'bin'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}
