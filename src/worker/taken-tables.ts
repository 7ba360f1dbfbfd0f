import type { TableConflict } from '../apply/plan-block.js';
import { writeFailureOf } from '../apply/write-failure.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TakenEvents } from '../handlers/contract.js';
import type { Batch } from '../queue/batches.js';
import type { QueueEvent } from '../queue/event.js';
import { type EventId, eventId } from '../queue/ids.js';
import type { TableRegistry } from './table-registry.js';

export interface TakenTablesPorts {
  /** The open transaction of the batch. */
  readonly tx: Connection;
  readonly batch: Batch;
  readonly registry: TableRegistry;
  /** Called in the transaction for each table that cannot go on. */
  readonly park: (conflict: TableConflict) => Promise<void>;
}

interface OpenTable {
  readonly taken: TakenEvents;
  lastEvent: EventId;
}

/** The tables whose handlers do everything with their events, during one batch. */
export class TakenTables {
  readonly #ports: TakenTablesPorts;
  readonly #open = new Map<string, OpenTable>();

  constructor(ports: TakenTablesPorts) {
    this.#ports = ports;
  }

  has(tableName: string): boolean {
    const handler = this.#ports.registry.find(tableName)?.handler;
    return handler !== undefined && !(handler instanceof ReplicateError) && handler.takeOver !== undefined;
  }

  /** Hands over events of one block. Returns how many of them were taken, not counting those of tables that were parked. */
  async write(events: readonly QueueEvent[]): Promise<number> {
    const tables = new Map<string, QueueEvent[]>();
    for (const event of events) {
      const name = event.extra1 as string;
      const list = tables.get(name);
      if (list === undefined) tables.set(name, [event]);
      else list.push(event);
    }
    let count = 0;
    for (const [tableName, list] of tables) {
      const first = list[0]?.id as EventId;
      const isDone = await this.#underSavepoint(tableName, first, async () => {
        const table = await this.#table(tableName, first);
        table.lastEvent = list.at(-1)?.id ?? table.lastEvent;
        await table.taken.write(list);
      });
      if (isDone) count += list.length;
    }
    return count;
  }

  /** Everything that was handed over is done then. The next event opens its table anew. */
  async finish(): Promise<void> {
    for (const [tableName, { taken, lastEvent }] of this.#open) {
      await this.#underSavepoint(tableName, lastEvent, () => taken.finish());
    }
    this.#open.clear();
  }

  async #table(tableName: string, firstEvent: EventId): Promise<OpenTable> {
    const known = this.#open.get(tableName);
    if (known !== undefined) return known;
    const { tx, batch, registry } = this.#ports;
    const destTable = registry.find(tableName)?.destTable ?? tableName;
    const taken = await registry.handler(tableName).takeOver?.({ tx, batch, tableName, destTable });
    if (taken === undefined) throw new RangeError(`The handler of ${tableName} takes no events over.`);
    const table = { taken, lastEvent: firstEvent };
    this.#open.set(tableName, table);
    return table;
  }

  /** False when the table was parked instead. */
  async #underSavepoint(tableName: string, someEvent: EventId, work: () => Promise<void>): Promise<boolean> {
    const { tx, park } = this.#ports;
    await tx.execute('savepoint pgc_taken');
    try {
      await work();
      await tx.execute('release savepoint pgc_taken');
      return true;
    } catch (error) {
      const reason = failureOf(error);
      if (reason === undefined) throw error;
      await tx.execute('rollback to savepoint pgc_taken; release savepoint pgc_taken');
      this.#open.delete(tableName);
      await park({ queueTable: tableName, key: null, ...reason, eventId: reason.eventId ?? someEvent });
      return false;
    }
  }
}

type Reason = Pick<TableConflict, 'code' | 'message'> & { readonly eventId?: EventId | undefined };

/** A handler may name the event in `facts.eventId`; else it is one of the block. */
function failureOf(error: unknown): Reason | undefined {
  if (!(error instanceof ReplicateError)) return writeFailureOf(error);
  const { code, message, facts } = error;
  if (code !== 'PC402' && code !== 'PC403' && code !== 'PC406' && code !== 'PC410') return undefined;
  const named = typeof facts['eventId'] === 'bigint' ? eventId(facts['eventId']) : undefined;
  return { code: code === 'PC406' ? 'PC403' : code, message, eventId: named };
}
