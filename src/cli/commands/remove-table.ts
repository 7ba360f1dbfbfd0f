import { readCapturePlans } from '../../replica/capture-plans.js';
import { removeTable } from '../../replica/remove-table.js';
import { readTables } from '../../replica/table-list.js';
import { putBackAll } from '../../worker/put-back-all.js';
import { chooseNames } from '../choose-names.js';
import type { CommandSpec } from '../command.js';
import { withLocalNode } from '../local-node.js';
import { tableLock } from '../table-lock.js';

/** `replicate INI remove-table NAME…` */
export const command: CommandSpec = {
  name: 'remove-table',
  summary: 'End the replication of tables on this node; on the root on all nodes. The rows stay.',
  arguments: [{ name: 'tables', variadic: true, summary: 'Names or patterns with * and ?.' }],
  options: [{ flags: '--all', summary: 'All tables of this node.' }],
  async run(context, args, options) {
    const { config, output, signal } = context;
    return withLocalNode(context, 'remove-table', async (connection) => {
      const { queueName } = config;
      const local = (await readTables(connection, queueName)).filter(({ isLocal }) => isLocal);
      // A table whose registration was taken away by SQL alone may have its triggers still.
      const plans = await readCapturePlans(connection, queueName);
      const present = [...new Set([...local.map(({ name }) => name), ...plans.keys()])];
      const names = chooseNames(output, {
        kind: 'table',
        args,
        all: options['all'] === true ? present : undefined,
        candidates: present,
      });
      const withTableLock = tableLock(connection, config.lockTimeoutMs);
      for (const tableName of names) {
        signal.throwIfAborted();
        await removeTable(connection, { queueName, tableName, withTableLock });
        output.print(`removed ${tableName}`);
      }
      if (names.length > 0) {
        const { triggers, keys } = await putBackAll(connection, context.log, signal);
        if (triggers + keys > 0)
          output.print(`put back ${triggers} triggers and rules, ${keys} foreign keys`);
      }
      if (names.length === 0) output.print('No table to remove.');
      return 0;
    });
  },
};
