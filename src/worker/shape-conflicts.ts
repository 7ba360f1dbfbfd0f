import type { TableConflict } from '../apply/plan-block.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type Batch, giveBack, spansTicks } from '../queue/batches.js';
import { forgetDropped } from '../queue/dropped-consumer.js';
import type { QueueEvent } from '../queue/event.js';
import type { EventId, TickId } from '../queue/ids.js';
import { failpoint } from '../runtime/failpoint.js';
import { compareShapes } from './compare-shapes.js';
import type { TableRegistry } from './table-registry.js';

/** Where a table that has waited goes on. */
export interface ResumePoint {
  /** Start tick of the batch in which it stopped, which reaches to the next tick: what has a smaller id there is applied. */
  readonly tick: TickId;
  /** The first event of that batch that is not applied. */
  readonly event: EventId;
}

export interface WaitPorts {
  /** Name of the consumer that holds a table's events while it waits. */
  readonly consumerOf: (tableName: string) => string;
  /** The node whose events these are; undefined when that consumer stands at the batch's start already. */
  readonly providerNode: string | undefined;
}

export interface ShapeConflictsPorts extends WaitPorts {
  /** Whose batches these are. */
  readonly consumerName: string;
  readonly provider: Connection;
  readonly subscriber: Connection;
  readonly registry: TableRegistry;
}

interface Wait {
  readonly conflict: TableConflict;
  readonly shape: string;
  /** The first event that is not applied. */
  readonly from: EventId;
}

/** Thrown to roll a batch back that is to be done again, with what is known by then of the tables that do not fit. */
export class BatchAgain extends Error {}

/**
 * The tables that do not fit the events of one batch (PC403), over the times that it is tried.
 *
 * A first conflict may only mean that what is held of the table is out of date: the batch is done again with the table as it is. A
 * second one is real: the next time the table's events are applied up to the one that did not fit, and there it begins to wait.
 */
export class ShapeConflicts {
  readonly #ports: ShapeConflictsPorts;
  readonly #batch: Batch;
  /** What tables were before the present try. */
  readonly #shapes = new Map<string, string>();
  readonly #waits = new Map<string, Wait>();
  readonly #begun = new Set<string>();
  #found: TableConflict[] = [];

  constructor(ports: ShapeConflictsPorts, batch: Batch) {
    this.#ports = ports;
    this.#batch = batch;
  }

  /** Every table that was in conflict in some try. */
  get found(): readonly string[] {
    return [...this.#shapes.keys()];
  }

  /** The tables that wait from this batch on. */
  get waiting(): readonly TableConflict[] {
    return [...this.#waits.values()].map(({ conflict }) => conflict);
  }

  /**
   * Notes a conflict of the present try; false when it is none that can be waited for. With PC403 a handler that takes events over
   * also means a row that it cannot take, whatever the table is, and which of its events are done nobody knows.
   */
  note(conflict: TableConflict): boolean {
    if (!this.#isOfShape(conflict)) return false;
    this.#found.push(conflict);
    return true;
  }

  #isOfShape({ code, isOfHandler, queueTable }: TableConflict): boolean {
    if (code !== 'PC403' || isOfHandler === true) return false;
    const handler = this.#ports.registry.find(queueTable)?.handler;
    return handler === undefined || handler instanceof ReplicateError || handler.takeOver === undefined;
  }

  /** True for a conflict that may be over when what is held of the table has been read anew. */
  isNew(conflict: TableConflict): boolean {
    return this.#isOfShape(conflict) && !this.#shapes.has(conflict.queueTable);
  }

  /** Throws BatchAgain when a conflict was noted in this try. To be called at its end, in its transaction. */
  assertNone(): void {
    if (this.#found.length > 0) throw new BatchAgain();
  }

  /** The table that begins to wait at this event. */
  waitingFrom({ extra1, id }: QueueEvent): string | undefined {
    if (this.#waits.size === 0 || extra1 === null || this.#begun.has(extra1)) return undefined;
    const wait = this.#waits.get(extra1);
    return wait !== undefined && id >= wait.from ? extra1 : undefined;
  }

  /** Parks the table and records where it goes on, in the batch's transaction. */
  async begin(tx: Connection, tableName: string): Promise<void> {
    const wait = this.#waits.get(tableName) as Wait;
    this.#begun.add(tableName);
    const { queueName, startTick, endTick } = this.#batch;
    const { conflict } = wait;
    await tx.query('select pgcascade.wait_for_shape($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)', [
      queueName,
      tableName,
      this.#ports.consumerOf(tableName),
      this.#ports.providerNode ?? null,
      startTick,
      wait.from,
      endTick,
      conflict.eventId,
      conflict.message,
      wait.shape,
    ]);
  }

  /**
   * To be called after BatchAgain, with the connections free: looks at the tables that were in conflict, and has the events of those
   * that are to wait held on the provider. A crash leaves a consumer there at most, which `dropStaleConsumers` finds.
   *
   * False when a table is to wait and the batch is of several ticks: it is given back, because ids are not in the order of commits and
   * would not tell in a part of such a batch what has been applied.
   */
  async prepareNextTry(): Promise<boolean> {
    const { provider, subscriber, registry, consumerName, consumerOf, providerNode } = this.#ports;
    const { queueName, startTick } = this.#batch;
    const found = this.#found;
    this.#found = [];
    this.#begun.clear();
    for (const conflict of found) {
      const { queueTable } = conflict;
      const table = registry.find(queueTable);
      const destTable = table?.destTable ?? queueTable;
      const shape = this.#shapes.get(queueTable);
      if (shape === undefined) {
        this.#shapes.set(queueTable, await readShape(subscriber, destTable));
        continue;
      }
      if (await spansTicks(provider, this.#batch)) {
        await giveBack(provider, this.#batch, consumerName);
        return false;
      }
      const differences = await compareShapes(provider, subscriber, { queueName, queueTable, destTable });
      const message = [conflict.message, ...differences].join(' ');
      this.#waits.set(queueTable, { conflict: { ...conflict, message }, shape, from: conflict.eventId });
      if (providerNode === undefined) continue;
      const consumer = consumerOf(queueTable);
      await provider.query('select pgq.register_consumer_at($1, $2, $3)', [queueName, consumer, startTick]);
      await forgetDropped(provider, queueName, consumer);
      await failpoint('wait-consumer-registered');
    }
    return true;
  }
}

async function readShape(subscriber: Connection, destTable: string): Promise<string> {
  const { shape } = await subscriber.one<{ shape: string }>('select pgcascade.table_shape($1) as shape', [
    destTable,
  ]);
  return shape;
}
