import { dropNode } from '../../cascade/drop-node.js';
import { putBackAll } from '../../worker/put-back-all.js';
import type { CommandSpec } from '../command.js';
import { withMembers } from '../with-members.js';

/** `replicate INI drop-node NODE` */
export const command: CommandSpec = {
  name: 'drop-node',
  summary: 'Take a node out of the cascade. The rows of its tables stay.',
  arguments: [{ name: 'node', required: true, summary: 'The node; it may be gone.' }],
  async run(context, args) {
    return withMembers(context, 'drop-node', async (sessions) => {
      const { output, log, signal } = context;
      await dropNode(sessions, args[0] as string, {
        report: (sentence) => output.print(sentence),
        putBack: async (connection) => {
          const { triggers, keys, left } = await putBackAll(connection, log, signal);
          if (triggers + keys > 0)
            output.print(`Put back there: ${triggers} triggers and rules, ${keys} foreign keys.`);
          for (const line of left) output.print(line);
        },
      });
      return 0;
    });
  },
};
