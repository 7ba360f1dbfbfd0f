import { detailLines, readNodeDetails } from '../../observe/node-details.js';
import type { CommandSpec } from '../command.js';
import { jsonText } from '../json-text.js';
import { withLocalNode } from '../local-node.js';

/** `replicate INI node-info` */
export const command: CommandSpec = {
  name: 'node-info',
  summary: 'Show what the database of this node knows of it. No other node is asked.',
  options: [{ flags: '--json', summary: 'Print one JSON document.' }],
  async run(context, _args, options) {
    const { config, output } = context;
    return withLocalNode(context, 'node-info', async (connection) => {
      const details = await readNodeDetails(connection, config.queueName);
      if (options['json'] === true) output.print(jsonText(details));
      else for (const line of detailLines(details)) output.print(line);
      return 0;
    });
  },
};
