import { setWorkerPaused } from '../../cascade/pause-worker.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';

const DEFAULT_TIMEOUT_MS = 30_000;

/** `replicate INI pause` */
export const command: CommandSpec = {
  name: 'pause',
  summary: 'Let the worker of this node finish its batch and then do nothing, until resume.',
  options: [{ flags: TIMEOUT_FLAGS, summary: 'Longest wait for the worker to answer; by default 30.' }],
  async run(context, _args, options) {
    const { config, output, signal } = context;
    const limitMs = timeoutMs(options) ?? DEFAULT_TIMEOUT_MS;
    return withLocalNode(context, 'pause', async (connection, { workerName }) => {
      const { queueName } = config;
      await setWorkerPaused(connection, { queueName, workerName, paused: true, timeoutMs: limitMs, signal });
      output.print(`The worker "${workerName}" is paused.`);
      return 0;
    });
  },
};
