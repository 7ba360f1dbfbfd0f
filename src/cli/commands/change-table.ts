import { ReplicateError } from '../../errors/replicate-error.js';
import { tryToBindHandler } from '../../handlers/registry.js';
import { setConflictPolicy } from '../../replica/conflict-policy.js';
import { readTables } from '../../replica/table-list.js';
import { chooseNames } from '../choose-names.js';
import type { CommandSpec } from '../command.js';
import {
  CONFLICT_OPTION,
  checkConflictOption,
  conflictOption,
  refuseConflictOnRoot,
} from '../conflict-option.js';
import { handlerSettings } from '../handler-settings.js';
import { withLocalNode } from '../local-node.js';

/** `replicate INI change-table NAME… --conflict=POLICY` */
export const command: CommandSpec = {
  name: 'change-table',
  summary: 'Change what this node does with replicated tables, without copying them.',
  arguments: [{ name: 'tables', variadic: true, summary: 'Names or patterns with * and ?.' }],
  options: [{ flags: '--all', summary: 'All tables of this node.' }, CONFLICT_OPTION],
  async run(context, args, options) {
    const { config, output } = context;
    const policy = conflictOption(options);
    if (policy === undefined) throw new ReplicateError('PC100', 'Say what to change: --conflict=….');
    return withLocalNode(context, 'change-table', async (connection, node) => {
      refuseConflictOnRoot(node);
      const tables = (await readTables(connection, config.queueName)).filter(({ isLocal }) => isLocal);
      const all = tables.map(({ name }) => name);
      const names = chooseNames(output, {
        kind: 'table',
        args,
        all: options['all'] === true ? all : undefined,
        candidates: all,
      });
      for (const { name, attrs } of tables.filter((table) => names.includes(table.name))) {
        const handler = tryToBindHandler(name, attrs, handlerSettings(config));
        if (!(handler instanceof ReplicateError)) checkConflictOption(name, policy, handler);
      }
      for (const name of names) {
        await setConflictPolicy(
          connection,
          config.queueName,
          name,
          policy === 'default' ? undefined : policy,
        );
        output.print(
          policy === 'default'
            ? `${name}: a conflict is for the ini file of the worker to decide`
            : `${name}: on a conflict ${policy}`,
        );
      }
      if (names.length === 0) output.print('No table to change.');
      return 0;
    });
  },
};
