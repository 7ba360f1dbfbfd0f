import { readMissing } from '../../replica/missing.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';
import { printTable } from '../print-table.js';

/** `replicate INI missing` */
export const command: CommandSpec = {
  name: 'missing',
  summary: 'List tables and sequences that could be replicated on this node and are not.',
  async run(context) {
    const { config, output } = context;
    return withLocalNode(context, 'missing', async (connection) => {
      const { tables, sequences } = await readMissing(connection, config.queueName);
      const rows = [...tables.map((name) => ['table', name]), ...sequences.map((name) => ['sequence', name])];
      printTable(output, ['kind', 'name'], rows);
      if (rows.length === 0) output.print('Nothing is missing on this node.');
      return 0;
    });
  },
};
