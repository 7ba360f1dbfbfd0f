import { detailLines, readNodeDetails } from '../../observe/node-details.js';
import { readStatus } from '../../observe/status.js';
import { details } from '../../observe/status-tree.js';
import type { CommandSpec } from '../command.js';
import { jsonText } from '../json-text.js';
import { withLocalNode } from '../local-node.js';

const DEADLINE_MS = 5_000;
const INCOMPLETE = 3;

/** `replicate INI node-status` */
export const command: CommandSpec = {
  name: 'node-status',
  summary:
    'Show this node in detail, and how far it is behind the root. Exit 3 when the root cannot be asked.',
  options: [{ flags: '--json', summary: 'Print one JSON document.' }],
  async run(context, _args, options) {
    const { config, connect, signal, output } = context;
    return withLocalNode(context, 'node-status', async (connection) => {
      const node = await readNodeDetails(connection, config.queueName);
      const { entries } = await readStatus(connection, {
        queueName: config.queueName,
        localLocation: config.db,
        connect,
        deadlineMs: DEADLINE_MS,
        signal,
      });
      const status = entries.find((entry) => entry.kind === 'seen' && entry.isLocal);
      if (options['json'] === true) output.print(jsonText({ ...node, status }));
      else {
        const lines = status === undefined ? [] : details(status, { retention: true });
        for (const line of [...detailLines(node), ...lines]) output.print(line);
      }
      const isKnown = status?.kind === 'seen' && (status.type === 'root' || status.lag !== null);
      return isKnown ? 0 : INCOMPLETE;
    });
  },
};
