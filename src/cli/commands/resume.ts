import { setWorkerPaused } from '../../cascade/pause-worker.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';

const DEFAULT_TIMEOUT_MS = 30_000;

/** `replicate INI resume` */
export const command: CommandSpec = {
  name: 'resume',
  summary: 'Let the worker of this node go on after pause.',
  options: [{ flags: TIMEOUT_FLAGS, summary: 'Longest wait for the worker to answer; by default 30.' }],
  async run(context, _args, options) {
    const { config, output, signal } = context;
    const limitMs = timeoutMs(options) ?? DEFAULT_TIMEOUT_MS;
    return withLocalNode(context, 'resume', async (connection, { workerName }) => {
      const { queueName } = config;
      await setWorkerPaused(connection, { queueName, workerName, paused: false, timeoutMs: limitMs, signal });
      output.print(`The worker "${workerName}" goes on.`);
      return 0;
    });
  },
};
