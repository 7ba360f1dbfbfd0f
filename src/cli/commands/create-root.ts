import { createRoot } from '../../cascade/create-root.js';
import { installSchemas } from '../../install/install-schemas.js';
import type { CommandSpec } from '../command.js';
import { CREATE_ARGUMENTS, newNode } from '../create-node-arguments.js';
import { openLocal } from '../local-node.js';

/** `replicate INI create-root [NAME [CONNSTR]]` */
export const command: CommandSpec = {
  name: 'create-root',
  summary: 'Make the database the root of the queue: the node that the application writes to.',
  arguments: CREATE_ARGUMENTS,
  options: [
    { flags: '--nocheck', summary: 'Do not check that the connect string leads to the database of "db".' },
  ],
  async run(context, args, options) {
    const { config, connect, signal, output, log, install = installSchemas } = context;
    const node = newNode(config, args);
    await using local = await openLocal(context, 'create-root');
    await install(local, { log });
    const outcome = await createRoot(local, {
      ...node,
      queueName: config.queueName,
      workerName: config.consumerName,
      checkLocation: options['nocheck'] !== true,
      connect,
      signal,
    });
    output.print(
      outcome === 'created'
        ? `Root "${node.nodeName}" of queue "${config.queueName}" created.`
        : `Root "${node.nodeName}" of queue "${config.queueName}" exists already: nothing to do.`,
    );
    return 0;
  },
};
