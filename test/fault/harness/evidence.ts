import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { FaultTree } from './fault-tree.js';
import { readTraces } from './left-behind.js';
import type { ScheduleResult } from './run-schedule.js';
import { NODE_NAMES, type Schedule } from './schedule.js';

/** Keeps all that a failed schedule left: the schedule, what was seen, the logs of programs and servers, the nodes' states. Returns the folder. */
export async function keepEvidence(
  tree: FaultTree,
  schedule: Schedule,
  result: ScheduleResult,
): Promise<string> {
  const parent = join(tmpdir(), 'pgcascade-faults');
  await mkdir(parent, { recursive: true });
  const folder = await mkdtemp(join(parent, `${schedule.seed}-`));
  await writeFile(join(folder, 'schedule.json'), `${JSON.stringify(schedule, null, 2)}\n`);
  await writeFile(join(folder, 'journal.txt'), `${result.journal.join('\n')}\n`);
  await writeFile(join(folder, 'violations.txt'), `${result.violations.join('\n')}\n`);
  await cp(tree.logFolder, folder, { recursive: true });
  for (const name of NODE_NAMES) {
    // A server that is away leaves its log only with the others' words.
    const [row] = await tree
      .node(name)
      .query<{ folder: string }>("select current_setting('data_directory') as folder")
      .catch(() => []);
    const log = row === undefined ? '' : join(dirname(row.folder), 'server.log');
    if (existsSync(log)) await cp(log, join(folder, `${name}.server.log`));
  }
  const traces = await readTraces(tree).catch((error: unknown) => ({ error: String(error) }));
  await writeFile(join(folder, 'states.json'), `${JSON.stringify(traces, null, 2)}\n`);
  return folder;
}
