/**
 * Where it bends: `npm run bench:scale [tables=10000] [consumers=200] [nodes=30] [millions=50]`, each by itself or all four without a word.
 * Many tables in one set, many consumers on one queue, many nodes in one tree, a queue with many events that nobody has read; all on
 * PostgreSQL 15 on this machine. Prints Markdown, which docs/scale.md explains.
 */

import { longBacklog } from './scale/backlog.js';
import { manyConsumers } from './scale/consumers.js';
import { manyNodes } from './scale/nodes.js';
import { manyTables } from './scale/tables.js';

const SUBJECTS = {
  tables: { count: 10_000, run: manyTables },
  consumers: { count: 200, run: manyConsumers },
  nodes: { count: 30, run: manyNodes },
  millions: { count: 50, run: longBacklog },
};

const asked = new Map(process.argv.slice(2).map((word) => word.split('=') as [string, string | undefined]));
for (const [name, { count, run }] of Object.entries(SUBJECTS)) {
  if (asked.size > 0 && !asked.has(name)) continue;
  await run(Number(asked.get(name) ?? count));
}
