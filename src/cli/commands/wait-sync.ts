import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';
import { showWaitSync } from '../show-wait-sync.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';

/** `replicate INI wait-sync` */
export const command: CommandSpec = {
  name: 'wait-sync',
  summary: 'Wait until all tables of this node are in sync, and show how far their copies are.',
  options: [{ flags: TIMEOUT_FLAGS, summary: 'Longest wait; by default as long as a worker is at work.' }],
  async run(context, _args, options) {
    const limitMs = timeoutMs(options);
    return withLocalNode(context, 'wait-sync', (connection, { workerName }) =>
      showWaitSync(context, connection, workerName, limitMs),
    );
  },
};
