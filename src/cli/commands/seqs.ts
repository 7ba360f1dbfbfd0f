import { readSequences } from '../../replica/sequence-list.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';
import { printTable } from '../print-table.js';

/** `replicate INI seqs` */
export const command: CommandSpec = {
  name: 'seqs',
  summary: 'List the sequences that are known on this node and the value that was published last.',
  async run(context) {
    const { config, output } = context;
    return withLocalNode(context, 'seqs', async (connection) => {
      const sequences = await readSequences(connection, config.queueName);
      const rows = sequences.map(({ name, isLocal, lastValue }) => [
        name,
        isLocal ? 'replicated' : 'not here',
        `${lastValue}`,
      ]);
      printTable(output, ['sequence', 'state', 'published value'], rows);
      if (rows.length === 0) output.print('No sequence is known on this node.');
      return 0;
    });
  },
};
