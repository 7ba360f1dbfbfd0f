import { createSubscriber } from '../cascade/create-subscriber.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { installSchemas } from '../install/install-schemas.js';
import { inheritCaptureFormat } from '../replica/capture-format.js';
import { copyNames } from '../replica/copy-names.js';
import type { CommandSpec } from './command.js';
import { CREATE_ARGUMENTS, newNode } from './create-node-arguments.js';
import { openLocal } from './local-node.js';
import { withLockLimit } from './lock-limit.js';

/** `replicate INI create-leaf|create-branch [NAME [CONNSTR]] --provider=CONNSTR` */
export function createSubscriberCommand(nodeType: 'leaf' | 'branch', summary: string): CommandSpec {
  const name = `create-${nodeType}`;
  return {
    name,
    summary,
    arguments: CREATE_ARGUMENTS,
    options: [
      {
        flags: '--provider <connstr>',
        summary:
          'Connect string of the node to read from; by default initial_provider_location of the ini file.',
      },
      ...(nodeType === 'leaf'
        ? [
            {
              flags: '--merge <queue>',
              summary:
                'Merge this queue into another one, which has its root (or a branch of it) in the same database.',
            },
          ]
        : []),
      { flags: '--nocheck', summary: 'Do not check that the connect string leads to the database of "db".' },
    ],
    async run(context, args, options) {
      const { config, signal, output, log, install = installSchemas } = context;
      const node = newNode(config, args);
      const providerLocation = (options['provider'] as string | undefined) ?? config.initialProviderLocation;
      if (providerLocation === undefined) {
        throw new ReplicateError(
          'PC100',
          'No provider was given: neither --provider nor initial_provider_location in the ini file.',
        );
      }
      const { queueName } = config;
      await using local = await openLocal(context, name);
      await install(local, { log });
      const outcome = await createSubscriber(local, {
        ...node,
        nodeType,
        queueName,
        workerName: config.consumerName,
        checkLocation: options['nocheck'] !== true,
        providerLocation,
        combinedQueue: options['merge'] as string | undefined,
        connect: withLockLimit(context),
        fill: async (tx, root) => {
          await copyNames(tx, root, queueName);
          if (nodeType === 'branch') await inheritCaptureFormat(tx, root, queueName);
        },
        signal,
      });
      const what = nodeType === 'leaf' ? 'Leaf' : 'Branch';
      const merge = options['merge'] === undefined ? '' : `, merged into "${String(options['merge'])}",`;
      const made = `${what} "${node.nodeName}" of queue "${queueName}"${merge} with provider "${outcome.providerNode}"`;
      output.print(
        outcome.kind === 'created' ? `${made} created.` : `${made} exists already: nothing to do.`,
      );
      return 0;
    },
  };
}
