import { moveNode } from '../../cascade/move-node.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import type { CommandSpec } from '../command.js';
import { TIMEOUT_FLAGS, timeoutMs } from '../timeout-option.js';
import { withMembers } from '../with-members.js';

const DEFAULT_TIMEOUT_MS = 30_000;

/** `replicate INI change-provider NODE` */
export const command: CommandSpec = {
  name: 'change-provider',
  summary: 'Let this node read from another node. Nothing is copied, and nobody is paused.',
  arguments: [{ name: 'node', summary: 'Name of the new provider.' }],
  options: [
    { flags: '--provider <node>', summary: 'The same, as Londiste writes it.' },
    { flags: TIMEOUT_FLAGS, summary: 'Longest wait for the worker of this node; by default 30.' },
  ],
  async run(context, args, options) {
    const newProvider = args[0] ?? (options['provider'] as string | undefined);
    if (newProvider === undefined) {
      throw new ReplicateError('PC100', 'No provider was given: change-provider NODE.');
    }
    return withMembers(context, 'change-provider', async (sessions, { nodeName }) => {
      await moveNode(sessions, {
        nodeName,
        newProvider,
        timeoutMs: timeoutMs(options) ?? DEFAULT_TIMEOUT_MS,
        report: (sentence) => context.output.print(sentence),
      });
      return 0;
    });
  },
};
