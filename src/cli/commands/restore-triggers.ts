import { putBackAll } from '../../worker/put-back-all.js';
import type { CommandSpec } from '../command.js';
import { openLocal } from '../local-node.js';

/** `replicate INI restore-triggers` */
export const command: CommandSpec = {
  name: 'restore-triggers',
  summary:
    'Put back the triggers, rules and foreign keys that a worker without the right to set session_replication_role has taken off.',
  async run(context) {
    // Also where there is no node any more: then nobody else does it.
    await using connection = await openLocal(context, 'restore-triggers');
    const { triggers, keys, left } = await putBackAll(connection, context.log, context.signal);
    context.output.print(`Put back: ${triggers} triggers and rules, ${keys} foreign keys.`);
    for (const line of left) context.output.print(line);
    return left.length === 0 ? 0 : 2;
  },
};
