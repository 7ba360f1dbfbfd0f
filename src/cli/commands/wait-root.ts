import { openRoot } from '../../cascade/find-root.js';
import { waitForUpstream } from '../../cascade/wait-position.js';
import type { CommandSpec } from '../command.js';
import { providerLocation, withLocalNode } from '../local-node.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';

/** `replicate INI wait-root` */
export const command: CommandSpec = {
  name: 'wait-root',
  summary: 'Wait until this node has everything that is committed on the root now.',
  options: [
    { flags: TIMEOUT_FLAGS, summary: 'Longest wait; by default as long as ticker and worker are at work.' },
  ],
  async run(context, _args, options) {
    const { config, output, signal, connect } = context;
    const limitMs = timeoutMs(options);
    return withLocalNode(context, 'wait-root', async (connection, node) => {
      if (node.nodeType === 'root') {
        output.print(`Node "${node.nodeName}" is the root: there is nothing to wait for.`);
        return 0;
      }
      await using root = await openRoot({
        queueName: config.queueName,
        start: { nodeName: node.providerNode, location: providerLocation(node) },
        connect,
        application: `wait-root/${config.jobName}`,
        signal,
      });
      const tick = await waitForUpstream(connection, root.connection, {
        queueName: config.queueName,
        timeoutMs: limitMs,
        signal,
      });
      output.print(`Node "${node.nodeName}" has reached tick ${tick} of the root "${root.node.nodeName}".`);
      return 0;
    });
  },
};
