import { readSequences } from '../../replica/sequence-list.js';
import { removeSequence } from '../../replica/sequences.js';
import { chooseNames } from '../choose-names.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';

/** `replicate INI remove-seq NAME…` */
export const command: CommandSpec = {
  name: 'remove-seq',
  summary: 'End the replication of sequences on this node; on the root on all nodes.',
  arguments: [{ name: 'sequences', variadic: true, summary: 'Names or patterns with * and ?.' }],
  options: [{ flags: '--all', summary: 'All sequences of this node.' }],
  async run(context, args, options) {
    const { config, output, signal } = context;
    return withLocalNode(context, 'remove-seq', async (connection) => {
      const present = (await readSequences(connection, config.queueName))
        .filter(({ isLocal }) => isLocal)
        .map(({ name }) => name);
      const names = chooseNames(output, {
        kind: 'sequence',
        args,
        all: options['all'] === true ? present : undefined,
        candidates: present,
      });
      for (const name of names) {
        signal.throwIfAborted();
        await removeSequence(connection, config.queueName, name);
        output.print(`removed ${name}`);
      }
      if (names.length === 0) output.print('No sequence to remove.');
      return 0;
    });
  },
};
