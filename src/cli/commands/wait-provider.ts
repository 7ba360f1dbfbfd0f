import { waitForUpstream } from '../../cascade/wait-position.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode, withProvider } from '../local-node.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';

/** `replicate INI wait-provider` */
export const command: CommandSpec = {
  name: 'wait-provider',
  summary: 'Wait until this node has everything that is committed on its provider now.',
  options: [
    { flags: TIMEOUT_FLAGS, summary: 'Longest wait; by default as long as ticker and worker are at work.' },
  ],
  async run(context, _args, options) {
    const { config, output, signal } = context;
    const limitMs = timeoutMs(options);
    return withLocalNode(context, 'wait-provider', async (connection, node) => {
      if (node.nodeType === 'root') {
        output.print(`Node "${node.nodeName}" is the root: there is nothing to wait for.`);
        return 0;
      }
      const tick = await withProvider(context, node, 'wait-provider', (provider) =>
        waitForUpstream(connection, provider, { queueName: config.queueName, timeoutMs: limitMs, signal }),
      );
      output.print(
        `Node "${node.nodeName}" has reached tick ${tick} of its provider "${node.providerNode}".`,
      );
      return 0;
    });
  },
};
