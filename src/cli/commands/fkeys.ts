import { readForeignKeys } from '../../replica/foreign-keys.js';
import { readTables } from '../../replica/table-list.js';
import { chooseNames } from '../choose-names.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';

/** `replicate INI fkeys [NAME…]` */
export const command: CommandSpec = {
  name: 'fkeys',
  summary:
    'Print the statements that drop and that create the foreign keys of replicated tables of this node.',
  arguments: [
    {
      name: 'tables',
      variadic: true,
      summary: 'Names or patterns with * and ?; by default all tables of this node.',
    },
  ],
  options: [
    { flags: '--drop', summary: 'Only the statements that drop them.' },
    { flags: '--create', summary: 'Only the statements that create them.' },
  ],
  async run(context, args, options) {
    const { config, output } = context;
    return withLocalNode(context, 'fkeys', async (connection) => {
      const local = (await readTables(connection, config.queueName)).filter(({ isLocal }) => isLocal);
      const names = new Set(
        chooseNames(output, {
          kind: 'table',
          args,
          all: args.length === 0 ? local.map(({ name }) => name) : undefined,
          candidates: local.map(({ name }) => name),
        }),
      );
      const keys = await readForeignKeys(
        connection,
        local.filter(({ name }) => names.has(name)).map(({ destTable }) => destTable),
      );
      const both = options['drop'] === options['create'];
      if (both || options['drop'] === true) for (const { drop } of keys) output.print(drop);
      if (both && keys.length > 0) output.print('');
      if (both || options['create'] === true) for (const { create } of keys) output.print(create);
      return 0;
    });
  },
};
