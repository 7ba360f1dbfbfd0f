import { readLocations } from '../../cascade/location.js';
import { describeConninfo } from '../../db/conninfo.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';
import { printTable } from '../print-table.js';

/** `replicate INI members` */
export const command: CommandSpec = {
  name: 'members',
  summary: 'List the nodes of the cascade that this node knows of, and where they are.',
  async run(context) {
    return withLocalNode(context, 'members', async (connection) => {
      const members = await readLocations(connection, context.config.queueName);
      printTable(
        context.output,
        ['node', 'state', 'database'],
        members.map(({ nodeName, isDead, location }) => [
          nodeName,
          isDead ? 'dead' : 'alive',
          describeConninfo(location),
        ]),
      );
      return 0;
    });
  },
};
