import { resurrect } from '../../switchover/resurrect.js';
import type { CommandSpec } from '../command.js';
import { withMembers } from '../with-members.js';

/** `replicate INI resurrect [--output FILE]` */
export const command: CommandSpec = {
  name: 'resurrect',
  summary:
    'Bring a root back, as a branch, after another node has taken its place with takeover --dead-root.',
  options: [
    {
      flags: '--output <file>',
      summary: 'Where to save the events that never left this node; by default lost-events-NODE.jsonl.',
    },
  ],
  async run(context, _args, options) {
    return withMembers(context, 'resurrect', async (sessions, { nodeName }) => {
      await resurrect(sessions, {
        connect: context.connect,
        file: (options['output'] as string | undefined) ?? `lost-events-${nodeName}.jsonl`,
        report: (sentence) => context.output.print(sentence),
      });
      return 0;
    });
  },
};
