import type { Connection } from '../db/connection.js';
import {
  dropOverBudget,
  hasRetention,
  type QueueBudget,
  type Retention,
  readBudgets,
  readRetention,
} from '../queue/retention.js';
import type { Logger } from '../runtime/log.js';

/** Parts of the budget, in percent, at which something is said; the last one is the budget itself. */
const LEVELS = [50, 80, 100] as const;
type Level = (typeof LEVELS)[number] | 0;

/**
 * Looks how much the consumers of a database hold back, and says when one has crossed a part of its queue's budget:
 * once per crossing, and again after it was below. Drops a consumer that is over it when the budget says so.
 *
 * Remembers what it has said in memory only: a ticker that starts says what holds then.
 */
export class BudgetWatch {
  readonly #log: Logger;
  /** What was said last of each consumer, by queue and consumer. */
  #said = new Map<string, Level>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** One look at all queues with a budget. Two small queries when there is none. May be repeated at any time. */
  async look(connection: Connection): Promise<void> {
    if (!(await hasRetention(connection))) return;
    const said = new Map<string, Level>();
    for (const [queue, budget] of await readBudgets(connection)) {
      const consumers = await readRetention(connection, queue);
      for (const consumer of consumers) {
        const level = shownLevel(consumer, consumers);
        if (level === 100 && budget.action === 'drop' && !consumer.isSystem) {
          if (await dropOverBudget(connection, queue, consumer.consumer)) {
            this.#log.error(
              fields(queue, budget, consumer),
              'Consumer was over the budget of its queue and has been dropped: it has lost events and needs a resync',
            );
            continue;
          }
        }
        const key = JSON.stringify([queue, consumer.consumer]);
        said.set(key, level);
        if (level > (this.#said.get(key) ?? 0)) this.#say(level, fields(queue, budget, consumer));
      }
    }
    this.#said = said;
  }

  #say(level: Level, facts: Record<string, unknown>): void {
    if (level === 100) {
      this.#log.error(
        facts,
        'Consumer is over the budget of its queue: start it, unregister it, or raise the budget ("replicate INI budget")',
      );
      return;
    }
    this.#log.warn(facts, `Consumer holds back more than ${level} % of the budget of its queue`);
  }
}

/** The highest part of the budget that the share is over. */
export function levelOf(share: number | null): Level {
  return LEVELS.findLast((level) => share !== null && share * 100 > level) ?? 0;
}

/** A watermark follows the consumers: it is told of only when no consumer explains it. */
function shownLevel(consumer: Retention, all: readonly Retention[]): Level {
  const level = levelOf(consumer.share);
  const isExplained =
    consumer.isSystem && all.some(({ isSystem, share }) => !isSystem && levelOf(share) >= level);
  return isExplained ? 0 : level;
}

function fields(queue: string, budget: QueueBudget, consumer: Retention): Record<string, unknown> {
  return {
    queue,
    consumer: consumer.consumer,
    node: consumer.node ?? undefined,
    percent: Math.round((consumer.share ?? 0) * 100),
    events: Number(consumer.events),
    bytes: Number(consumer.bytes),
    maxEvents: budget.maxEvents === null ? undefined : Number(budget.maxEvents),
    maxBytes: budget.maxBytes === null ? undefined : Number(budget.maxBytes),
    lagSeconds: Math.round(consumer.lagSeconds),
    holdsRotation: consumer.holdsRotation,
  };
}
