import { ReplicateError } from '../../errors/replicate-error.js';
import { resyncTable } from '../../replica/resync-table.js';
import { readTables } from '../../replica/table-list.js';
import { chooseNames } from '../choose-names.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';

/** `replicate INI resync NAME…` */
export const command: CommandSpec = {
  name: 'resync',
  summary: 'Copy tables anew from the provider; a parked table is taken up again by that.',
  arguments: [{ name: 'tables', variadic: true, summary: 'Names or patterns with * and ?.' }],
  options: [{ flags: '--all', summary: 'All tables of this node.' }],
  async run(context, args, options) {
    const { config, output } = context;
    return withLocalNode(context, 'resync', async (connection, node) => {
      if (node.nodeType === 'root') {
        throw new ReplicateError(
          'PC303',
          `Node "${node.nodeName}" is the root: its tables are the ones that the others are copied from.`,
        );
      }
      const present = (await readTables(connection, config.queueName))
        .filter(({ isLocal }) => isLocal)
        .map(({ name }) => name);
      const names = chooseNames(output, {
        kind: 'table',
        args,
        all: options['all'] === true ? present : undefined,
        candidates: present,
      });
      for (const name of names) {
        await resyncTable(connection, config.queueName, name);
        output.print(`${name} will be copied anew`);
      }
      if (names.length === 0) output.print('No table to copy.');
      return 0;
    });
  },
};
