import { readStatus } from '../../observe/status.js';
import { statusTree } from '../../observe/status-tree.js';
import type { CommandSpec } from '../command.js';
import { jsonText } from '../json-text.js';
import { openLocal } from '../local-node.js';

const DEADLINE_MS = 5_000;
const INCOMPLETE = 3;

/** `replicate INI status` */
export const command: CommandSpec = {
  name: 'status',
  summary:
    'Show all nodes of the cascade: tables, position, lag and errors. Exit 3 when one cannot be reached.',
  options: [
    { flags: '--json', summary: 'Print one JSON document.' },
    {
      flags: '--compared',
      summary:
        'Show the last compare of each table, not only of those that were not equal. --json always has it.',
    },
    { flags: '--compact', summary: 'One line per node.' },
    {
      flags: '--retention',
      summary:
        'Show also without a budget how much each consumer of a queue holds back. --json always has it.',
    },
  ],
  async run(context, _args, options) {
    const { config, connect, signal, output } = context;
    await using local = await openLocal(context, 'status');
    const report = await readStatus(local, {
      queueName: config.queueName,
      localLocation: config.db,
      connect,
      deadlineMs: DEADLINE_MS,
      signal,
    });
    if (options['json'] === true) output.print(jsonText(report));
    else {
      const shown = {
        retention: options['retention'] === true,
        compared: options['compared'] === true,
        compact: options['compact'] === true,
      };
      for (const line of statusTree(report, shown)) output.print(line);
    }
    return report.isComplete ? 0 : INCOMPLETE;
  },
};
