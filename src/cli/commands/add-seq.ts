import { requireProvider } from '../../cascade/find-root.js';
import type { NodeInfo } from '../../cascade/node-info.js';
import type { Connection } from '../../db/connection.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { syncNames } from '../../replica/copy-names.js';
import { readMissing } from '../../replica/missing.js';
import { readSequences } from '../../replica/sequence-list.js';
import { addSequence } from '../../replica/sequences.js';
import { createSequences } from '../../schema/create-sequences.js';
import { chooseNames } from '../choose-names.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { withLocalNode, withProvider } from '../local-node.js';

/** `replicate INI add-seq NAME…` */
export const command: CommandSpec = {
  name: 'add-seq',
  summary: 'Replicate sequences: the root publishes their values, the other nodes follow them.',
  arguments: [
    {
      name: 'sequences',
      variadic: true,
      summary: 'Names or patterns with * and ?, schema public by default.',
    },
  ],
  options: [
    { flags: '--all', summary: 'All sequences that can be added on this node.' },
    { flags: '--create', summary: 'Make those that are missing first, as on the provider (not on a root).' },
    {
      flags: '--skip-non-existing',
      summary: 'Warn about sequences that cannot be added, and add the others.',
    },
    { flags: '--force', summary: 'Accept names that are not in the list of sequences.' },
  ],
  async run(context, args, options) {
    return withLocalNode(context, 'add-seq', async (connection, node) => {
      if (options['create'] === true && node.nodeType === 'root') {
        throw new ReplicateError(
          'PC303',
          `--create makes sequences as they are on the provider; node "${node.nodeName}" is the root and has none.`,
        );
      }
      await learnNames(context, connection, node);
      const { output, config, signal } = context;
      const { sequences: missing } = await readMissing(connection, config.queueName);
      const known = await readSequences(connection, config.queueName);
      const names = chooseNames(output, {
        kind: 'sequence',
        args,
        all: options['all'] === true ? missing : undefined,
        candidates: [...missing, ...known.map(({ name }) => name)],
        acceptUnknown: options['force'] === true,
        skipUnknown: options['skipNonExisting'] === true,
      });
      const present = new Set(known.filter(({ isLocal }) => isLocal).map(({ name }) => name));
      if (options['create'] === true) {
        const { made, notes } = await withProvider(context, node, 'add-seq', (provider) =>
          createSequences(connection, provider, names),
        );
        for (const note of notes) output.print(note);
        for (const name of made) output.print(`made ${name}`);
      }
      for (const name of names) {
        signal.throwIfAborted();
        output.print(await addOne(connection, config.queueName, name, present, options));
      }
      if (names.length === 0) output.print('No sequence to add.');
      return 0;
    });
  },
};

/** What is known on the provider is known here then. */
async function learnNames(context: CommandContext, connection: Connection, node: NodeInfo): Promise<void> {
  if (node.nodeType === 'root') return;
  const { queueName } = context.config;
  await withProvider(context, node, 'add-seq', async (provider) => {
    const upstream = await requireProvider(provider, queueName);
    await syncNames(connection, provider, upstream.nodeType, queueName);
  });
}

async function addOne(
  connection: Connection,
  queueName: string,
  name: string,
  present: ReadonlySet<string>,
  options: Readonly<Record<string, unknown>>,
): Promise<string> {
  if (present.has(name)) return `${name} is replicated already`;
  try {
    await addSequence(connection, queueName, name);
    return `added ${name}`;
  } catch (error) {
    if (options['skipNonExisting'] !== true || !(error instanceof ReplicateError)) throw error;
    if (error.entry.policy !== 'refuse') throw error;
    return `skipped ${name}: ${error.message}`;
  }
}
