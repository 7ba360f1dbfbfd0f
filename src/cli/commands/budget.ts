import { readNodeInfo } from '../../cascade/node-info.js';
import { parseSize } from '../../config/read-value.js';
import { SQLSTATE, sqlstateOf } from '../../db/sqlstate.js';
import { ReplicateError } from '../../errors/replicate-error.js';
import { percentText, sizeText } from '../../observe/size-text.js';
import {
  hasRetention,
  type OnExceed,
  type QueueBudget,
  readBudgets,
  readRetention,
  setBudget,
} from '../../queue/retention.js';
import type { CommandContext, CommandSpec } from '../command.js';
import { openLocal } from '../local-node.js';
import { printTable } from '../print-table.js';

const NONE = 'none';

/** `replicate INI budget [--max-events=N] [--max-bytes=SIZE] [--on-exceed=warn|drop]` */
export const command: CommandSpec = {
  name: 'budget',
  summary:
    'Show or set how much a consumer may hold back of the queue of this node; the ticker warns at 50 and 80 percent.',
  options: [
    { flags: '--max-events <number>', summary: 'Most events that a consumer may have to read; "none": any.' },
    { flags: '--max-bytes <size>', summary: 'Most bytes of event tables, such as 20GB; "none": any.' },
    {
      flags: '--on-exceed <action>',
      summary:
        'What the ticker does with a consumer that is over it: warn, or drop: it loses events and needs a resync.',
    },
  ],
  async run(context, _args, options) {
    const { queueName } = context.config;
    const change = readChange(options);
    await using connection = await openLocal(context, 'budget');
    await requireQueue(context, connection);
    let budget = (await readBudgets(connection)).get(queueName) ?? NO_BUDGET;
    if (Object.keys(change).length > 0) {
      budget = { ...budget, ...change };
      if (change.action !== undefined && !isLimited(budget)) {
        throw new ReplicateError('PC100', '--on-exceed needs a limit: --max-events or --max-bytes.');
      }
      await setBudget(connection, queueName, budget).catch((error: unknown) => {
        if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) throw error;
        throw new ReplicateError('PC204', 'Only an administrator of queues (pgq_admin) may set a budget.');
      });
    }
    context.output.print(describe(queueName, budget));
    const consumers = await readRetention(connection, queueName);
    printTable(
      context.output,
      ['consumer', 'events', 'held back', 'of the budget', 'rotation'],
      consumers.map(({ consumer, events, bytes, share, holdsRotation }) => [
        consumer,
        String(events),
        sizeText(bytes),
        share === null ? '' : percentText(share),
        holdsRotation ? 'waits for it' : '',
      ]),
    );
    return 0;
  },
};

const NO_BUDGET: QueueBudget = { maxEvents: null, maxBytes: null, action: 'warn' };

function isLimited({ maxEvents, maxBytes }: QueueBudget): boolean {
  return maxEvents !== null || maxBytes !== null;
}

function describe(queueName: string, budget: QueueBudget): string {
  if (!isLimited(budget)) return `The queue "${queueName}" has no budget.`;
  const limits = [
    budget.maxEvents === null ? undefined : `${budget.maxEvents} events`,
    budget.maxBytes === null ? undefined : sizeText(budget.maxBytes),
  ].filter((limit) => limit !== undefined);
  const consequence = budget.action === 'drop' ? 'is dropped and needs a resync' : 'is warned about';
  return `A consumer of the queue "${queueName}" may hold back ${limits.join(' and ')}; one that is over it ${consequence}.`;
}

/** What the options change. Throws PC100 for what is no limit and no action. */
function readChange(options: Readonly<Record<string, unknown>>): Partial<QueueBudget> {
  const { maxEvents, maxBytes, onExceed } = options as Readonly<Record<string, string | undefined>>;
  return {
    ...(maxEvents === undefined ? {} : { maxEvents: limit('--max-events', maxEvents, parseCount) }),
    ...(maxBytes === undefined ? {} : { maxBytes: limit('--max-bytes', maxBytes, parseSize) }),
    ...(onExceed === undefined ? {} : { action: readAction(onExceed) }),
  };
}

function limit(flag: string, text: string, parse: (text: string) => number | undefined): bigint | null {
  if (text === NONE) return null;
  const value = parse(text.trim());
  if (value === undefined || value < 1 || !Number.isSafeInteger(value)) {
    const example = flag === '--max-bytes' ? 'size such as 20GB' : 'number such as 5000000';
    throw new ReplicateError('PC100', `${flag}=${text} is neither a ${example} nor "${NONE}".`);
  }
  return BigInt(value);
}

function parseCount(text: string): number | undefined {
  return /^\d+$/.test(text) ? Number(text) : undefined;
}

function readAction(text: string): OnExceed {
  if (text === 'warn' || text === 'drop') return text;
  throw new ReplicateError('PC100', `--on-exceed=${text} is neither warn nor drop.`);
}

/** Throws PC206 when the SQL is too old, PC303 on a leaf, which keeps no events, PC302 without the queue. */
async function requireQueue(
  { config: { queueName } }: CommandContext,
  connection: Awaited<ReturnType<typeof openLocal>>,
): Promise<void> {
  if (!(await hasRetention(connection))) {
    throw new ReplicateError(
      'PC206',
      `In ${connection.target} pgcascade's SQL is missing, too old, or not open to this role.`,
    );
  }
  const node = await readNodeInfo(connection, queueName);
  if (node?.nodeType === 'leaf') {
    throw new ReplicateError(
      'PC303',
      `Node "${node.nodeName}" is a leaf and keeps no events: the budget is that of its provider "${node.providerNode}".`,
    );
  }
  const queues = await connection.query('select queue_name from pgq.get_queue_info($1)', [queueName]);
  if (queues.length > 0) return;
  throw new ReplicateError('PC302', `The database ${connection.target} has no queue "${queueName}".`);
}
