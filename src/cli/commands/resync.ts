import { requireMergingLeaf } from '../../cascade/combined-queue.js';
import { requireNode } from '../../cascade/node-info.js';
import { readWorkerSign } from '../../cascade/worker-sign.js';
import type { Connection } from '../../db/connection.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { checkPartsReachable, type MergedPart, readOtherParts } from '../../replica/merged-parts.js';
import { isDropped, resubscribe } from '../../replica/resubscribe.js';
import { resyncTable } from '../../replica/resync-table.js';
import { readTables } from '../../replica/table-list.js';
import { chooseNames } from '../choose-names.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode, withProvider } from '../local-node.js';

/** `replicate INI resync NAME…` */
export const command: CommandSpec = {
  name: 'resync',
  summary:
    'Copy tables anew from the provider; a parked table is taken up again by that, and with --all a node that its provider has dropped.',
  arguments: [{ name: 'tables', variadic: true, summary: 'Names or patterns with * and ?.' }],
  options: [{ flags: '--all', summary: 'All tables of this node.' }],
  async run(context, args, options) {
    const { config, output } = context;
    return withLocalNode(context, 'resync', async (connection, node) => {
      if (node.nodeType === 'root') {
        throw new ReplicateError(
          'PC303',
          `Node "${node.nodeName}" is the root: its tables are the ones that the others are copied from.`,
        );
      }
      await requireMergingLeaf(connection, node);
      const present = (await readTables(connection, config.queueName))
        .filter(({ isLocal }) => isLocal)
        .map(({ name }) => name);
      const names = chooseNames(output, {
        kind: 'table',
        args,
        all: options['all'] === true ? present : undefined,
        candidates: present,
      });
      if (options['all'] === true) {
        // Only all of them: a node that was dropped has lost events of any of its tables.
        const wasDropped = await withProvider(context, node, 'resync', async (provider) => {
          if (!(await isDropped(provider, node))) return false;
          await resubscribe(connection, provider, node, names);
          return true;
        });
        if (wasDropped) {
          output.print(
            `The provider had dropped node "${node.nodeName}": it is registered anew. Start its worker if it does not run.`,
          );
        }
      }
      const { queueName } = config;
      const parts = [];
      for (const name of names) parts.push(...(await readOtherParts(connection, queueName, name)));
      const { connect, signal } = context;
      await checkPartsReachable(connection, parts, {
        connect,
        application: `resync/${config.jobName}`,
        signal,
      });
      for (const part of await idleParts(connection, parts)) {
        output.print(`The worker of queue "${part}" does not run: its rows are missing here until it does.`);
      }
      for (const name of names) {
        const others = await resyncTable(connection, queueName, name);
        const from = others.length === 0 ? '' : ` from queues ${[queueName, ...others].join(', ')}`;
        output.print(`${name} will be copied anew${from}`);
      }
      if (names.length === 0) output.print('No table to copy.');
      return 0;
    });
  },
};

/** The queues whose parts nobody will copy before their workers are started. */
async function idleParts(connection: Connection, parts: readonly MergedPart[]): Promise<string[]> {
  const idle: string[] = [];
  for (const queueName of new Set(parts.map((part) => part.queueName))) {
    const { workerName } = await requireNode(connection, queueName);
    if ((await readWorkerSign(connection, queueName, workerName)) !== 'alive') idle.push(queueName);
  }
  return idle;
}
