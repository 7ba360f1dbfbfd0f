import type { Connection } from '../db/connection.js';
import type { QueueEvent } from '../queue/event.js';
import type { TickId } from '../queue/ids.js';

/**
 * The rows that `resurrect` has fetched from the new root as of a later tick than this node's: what happened to them
 * up to that tick is in them already. Nearly always empty.
 */
export class ResurrectedKeys {
  readonly #queueName: string;
  #keys = new Map<string, TickId>();

  constructor(queueName: string) {
    this.#queueName = queueName;
  }

  /** Reads them. Those whose tick the node has completed are over. */
  async load(connection: Connection, completedTick: TickId): Promise<void> {
    const rows = await connection.query<{ table_name: string; row_key: string; until_tick: TickId }>(
      'select table_name, row_key, until_tick from pgcascade.resurrected_key where queue_name = $1 and until_tick > $2',
      [this.#queueName, completedTick],
    );
    this.#keys = new Map(rows.map((row) => [keyOf(row.table_name, row.row_key), row.until_tick]));
  }

  /** True when there are none. */
  get isEmpty(): boolean {
    return this.#keys.size === 0;
  }

  /** True when the event of a batch that ends at `endTick` has to be left out. */
  has({ extra1, extra3 }: QueueEvent, endTick: TickId): boolean {
    if (this.#keys.size === 0 || extra1 === null || extra3 === null) return false;
    const until = this.#keys.get(keyOf(extra1, extra3));
    return until !== undefined && endTick <= until;
  }

  /** Forgets what is over, in the database too. */
  async forgetUpTo(connection: Connection, completedTick: TickId): Promise<void> {
    if (this.#keys.size === 0) return;
    if ([...this.#keys.values()].some((until) => until > completedTick)) return;
    await connection.query(
      'delete from pgcascade.resurrected_key where queue_name = $1 and until_tick <= $2',
      [this.#queueName, completedTick],
    );
    this.#keys.clear();
  }
}

function keyOf(tableName: string, rowKey: string): string {
  return `${tableName}\n${rowKey}`;
}
