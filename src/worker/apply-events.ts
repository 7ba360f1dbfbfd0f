import {
  type BlockOutcome,
  BlockWriter,
  type TableLeftOut,
  type TableWrittenAgain,
} from '../apply/block-writer.js';
import { planLargeRow } from '../apply/large-row.js';
import { type PlannedBlock, planBlock, type TableConflict } from '../apply/plan-block.js';
import { ofSomeRows, type RowRewrite } from '../apply/row-rewrite.js';
import type { TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { parseRowEventType } from '../queue/decode/row-event-type.js';
import type { QueueEvent } from '../queue/event.js';
import { failpoint } from '../runtime/failpoint.js';
import { type AppliedScript, applyScript } from './apply-script.js';
import {
  applyControlEvent,
  type ControlEventContext,
  isControlEvent,
  SCRIPT_EVENT,
} from './control-event.js';
import type { LargeRows } from './large-rows.js';
import { otherQueues } from './merged-table.js';
import type { TableRegistry } from './table-registry.js';
import type { TakenTables } from './taken-tables.js';

export interface EventApplierPorts {
  readonly queueName: string;
  /** The open transaction of the batch on the subscriber. */
  readonly tx: Connection;
  readonly registry: TableRegistry;
  readonly bulkRows: number;
  /** False when every block waits for the one before, as after `WrittenAhead`. */
  readonly overlaps: boolean;
  /** Some rows of the table are still to be copied, so a row that changes may be missing. */
  readonly isHalfCopied?: true | undefined;
  /** Which tables' events are applied here: all that are in sync, or the one that catches up. */
  readonly isApplied: (tableName: string) => boolean;
  /** The tables whose handlers take their events over. */
  readonly taken: TakenTables;
  /** Where the rows of large events are to be had. */
  readonly largeRows: LargeRows;
  /** Undefined for a table that catches up: the worker itself sees to the cascade's events. */
  readonly controlEvents: ControlEventContext | undefined;
  /** Called in the transaction for each table that cannot go on. */
  readonly park: (conflict: TableConflict) => Promise<void>;
  /** Called for each table of which changes were left out, block by block. */
  readonly noteLeftOut: (leftOut: TableLeftOut) => void;
  /** Called for each table of a block that was written in a slower way than it was planned. */
  readonly noteWrittenAgain: (again: TableWrittenAgain) => void;
  /** Called before each control event, when all rows before it are written: afterwards what has acted on them may be gone. */
  readonly beforeControl: (event: QueueEvent) => Promise<void>;
  /** Called for each script that has come to its place. */
  readonly noteScript: (script: AppliedScript) => void;
}

/**
 * Applies the events of one batch, block by block, in the order of the queue.
 *
 * While the subscriber writes a block the next one is planned, so what was given last may be under way when `apply` returns:
 * everything else that uses the transaction has to wait for `settle`, and the end of the transaction for `settle` or disposal.
 */
export class EventApplier implements AsyncDisposable {
  readonly #ports: EventApplierPorts;
  readonly #writer: BlockWriter;
  #writing: Promise<BlockOutcome> | undefined;
  /** A block that was sent while the one before was under way. */
  #behind: Promise<BlockOutcome | undefined> | undefined;
  #applied = 0;
  #meanwhile: (() => Promise<void>) | undefined;

  constructor(ports: EventApplierPorts) {
    this.#ports = ports;
    this.#writer = new BlockWriter(ports.tx);
  }

  /** How many row events have been applied; those under way are not counted. */
  get applied(): number {
    return this.#applied;
  }

  /**
   * Applies one block. `meanwhile` is called once, when the transaction is free and before the block's rows are written: what is
   * to be done with the block besides.
   */
  async apply(block: readonly QueueEvent[], meanwhile?: () => Promise<void>): Promise<void> {
    const { taken, controlEvents } = this.#ports;
    this.#meanwhile = meanwhile;
    let rows: QueueEvent[] = [];
    let takenOver: QueueEvent[] = [];
    for (const { kind, events } of this.#sorted(block)) {
      if (kind === 'rows') rows = joined(rows, events);
      else if (kind === 'taken') takenOver = joined(takenOver, events);
      else if (kind === 'large') {
        await this.#applyRows(rows);
        rows = [];
        for (const event of events) await this.#applyLarge(event);
      } else if (controlEvents !== undefined) {
        // A control event keeps its place between the rows.
        await this.#applyRows(rows);
        await this.#free();
        this.#applied += await taken.write(takenOver);
        rows = [];
        takenOver = [];
        await taken.finish();
        for (const event of events) {
          await this.#ports.beforeControl(event);
          await this.#applyControl(event, controlEvents);
        }
      }
    }
    await this.#applyRows(rows);
    if (takenOver.length === 0 && this.#meanwhile === undefined) return;
    await this.#free();
    this.#applied += await taken.write(takenOver);
  }

  /** Waits until all is written. True when a table was parked by what was under way. */
  async settle(): Promise<boolean> {
    return (await this.#settled())?.isParked === true;
  }

  /** Undefined when nothing was under way. */
  async #settled(): Promise<{ readonly isParked: boolean; readonly isRedone: boolean } | undefined> {
    if (this.#writing === undefined) return undefined;
    const { registry, park, noteLeftOut, noteWrittenAgain } = this.#ports;
    let outcome: BlockOutcome;
    try {
      outcome = await this.#writing;
    } finally {
      this.#writing = undefined;
    }
    this.#applied += outcome.applied;
    for (const conflict of outcome.conflicts) {
      registry.forgetTarget(conflict.queueTable);
      await park(conflict);
    }
    for (const leftOut of outcome.leftOut) noteLeftOut(leftOut);
    for (const again of outcome.writtenAgain) noteWrittenAgain(again);
    await failpoint('worker-block-applied');
    return { isParked: outcome.conflicts.length > 0, isRedone: outcome.isRedone };
  }

  /** What is under way ends before the transaction does: it would go on outside of it. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Whoever leaves without `settle` has a reason of its own to give.
    await this.#writing?.catch(() => undefined);
    await this.#behind?.catch(() => undefined);
  }

  /** Waits until the transaction is free for other things, and does what is to be done meanwhile. */
  async #free(): Promise<boolean> {
    const isParked = await this.settle();
    const meanwhile = this.#meanwhile;
    this.#meanwhile = undefined;
    await meanwhile?.();
    return isParked;
  }

  /** The events that concern this node, cut where the next one is of another kind; control events one by one. */
  *#sorted(block: readonly QueueEvent[]): Generator<Sorted> {
    let run: Sorted | undefined;
    let last: QueueEvent | undefined;
    let kind: Sorted['kind'] | undefined;
    for (const event of block) {
      // Of events of one type and table the answer is the same, but for large ones; their texts are mostly the same objects.
      const isAlike = event.type === last?.type && event.extra1 === last.extra1;
      if (!isAlike || event.largeBytes !== undefined) {
        kind = this.#kindOf(event);
        last = event;
      }
      if (kind === undefined) continue;
      if (run?.kind === kind) {
        run.events.push(event);
        continue;
      }
      if (run !== undefined) yield run;
      run = { kind, events: [event] };
      if (kind !== 'control' && kind !== 'large') continue;
      yield run;
      // What it has done may have changed what concerns this node.
      run = undefined;
      last = undefined;
    }
    if (run !== undefined) yield run;
  }

  #kindOf(event: QueueEvent): Sorted['kind'] | undefined {
    const { isApplied, taken } = this.#ports;
    if (isControlEvent(event)) return 'control';
    if (event.extra1 === null || !isApplied(event.extra1)) return undefined;
    if (taken.has(event.extra1)) return 'taken';
    return event.largeBytes === undefined ? 'rows' : 'large';
  }

  async #applyControl(event: QueueEvent, context: ControlEventContext): Promise<void> {
    const { tx, queueName, registry, largeRows, noteScript } = this.#ports;
    if (event.type === SCRIPT_EVENT) {
      const script = await applyScript(tx, queueName, event);
      if (script.kind === 'executed') largeRows.forget();
      noteScript(script);
      // Names and columns may be others from here on.
      await registry.reload(tx);
    } else {
      await applyControlEvent(tx, queueName, event, context);
    }
  }

  async #applyRows(events: readonly QueueEvent[]): Promise<void> {
    const { isApplied } = this.#ports;
    const stillApplied = (all: readonly QueueEvent[]) =>
      all.filter(({ extra1 }) => isApplied(extra1 as string));
    let rows = events;
    if (!this.#canPlanAhead(rows) && (await this.settle())) rows = stillApplied(rows);
    if (rows.length === 0) return;
    let planned = await this.#plan(rows);
    if (this.#canOverlap) {
      if (await this.#writeBehind(planned)) return;
      planned = await this.#plan(stillApplied(rows));
    } else if (await this.#free()) {
      planned = await this.#plan(stillApplied(rows));
    }
    this.#writing = this.#writer.write(planned);
    // Its failure is told by `settle`.
    this.#writing.catch(() => undefined);
  }

  /** True when the next block can be sent before it is known what becomes of the one that is under way. */
  get #canOverlap(): boolean {
    return (
      this.#ports.overlaps &&
      this.#writing !== undefined &&
      this.#meanwhile === undefined &&
      this.#writer.canBeFollowed
    );
  }

  /** Sends a block behind the one that is under way, which is then waited for. False when the server did not take it for that one's sake. */
  async #writeBehind(planned: PlannedBlock): Promise<boolean> {
    const behind = this.#writer.writeBehind(planned);
    this.#behind = behind;
    behind.catch(() => undefined);
    const before = await this.#settled();
    if (before?.isRedone === true) {
      await behind;
      return false;
    }
    this.#writing = behind.then((outcome) => {
      if (outcome === undefined)
        throw new RangeError('A block was refused for the sake of one that was not.');
      return outcome;
    });
    this.#writing.catch(() => undefined);
    this.#behind = undefined;
    return true;
  }

  async #applyLarge(event: QueueEvent): Promise<void> {
    const { tx, isApplied, largeRows } = this.#ports;
    await this.#free();
    // Outside of a savepoint its space can be given back before the end of the transaction.
    await this.#writer.release();
    const target = isApplied(event.extra1 as string) ? await this.#target(event) : undefined;
    if (target === undefined) return;
    await largeRows.stage(event);
    this.#writing = this.#writer.write(await planLargeRow(tx, target, event));
    await this.settle();
    await this.#writer.release();
    await largeRows.clear();
  }

  /** True when planning these events needs no query. */
  #canPlanAhead(events: readonly QueueEvent[]): boolean {
    const { registry, isHalfCopied } = this.#ports;
    if (isHalfCopied) return false;
    return tablesOf(events).every(({ name, isTruncated }) => !isTruncated && registry.isPlain(name));
  }

  async #plan(events: readonly QueueEvent[]): Promise<PlannedBlock> {
    const { tx, registry, bulkRows, isHalfCopied } = this.#ports;
    const targets = new Map<string, TargetTable>();
    const rewrites = new Map<string, RowRewrite | undefined>();
    for (const { name, first, isTruncated } of tablesOf(events)) {
      if (isTruncated && (await this.#parkTruncated(name, first))) continue;
      const target = await this.#target(first);
      if (target === undefined) continue;
      rewrites.set(name, isHalfCopied ? ofSomeRows(registry.rewrite(target)) : registry.rewrite(target));
      targets.set(name, target);
    }
    return planBlock(
      {
        tx,
        bulkRows,
        tableOf: (name) => targets.get(name),
        rewriteOf: (name) => rewrites.get(name),
        ignoresMissing: (name) => registry.conflictPolicy(name) === 'ignore-missing',
      },
      events,
    );
  }

  /** The table of a row event; undefined when it cannot be written, and is parked now. */
  async #target(event: QueueEvent): Promise<TargetTable | undefined> {
    const { tx, registry, park } = this.#ports;
    const name = event.extra1 as string;
    try {
      const target = await registry.target(tx, name);
      // What is to be made of its rows may not be possible.
      registry.rewrite(target);
      return target;
    } catch (error) {
      if (!(error instanceof ReplicateError) || !['PC403', 'PC406', 'PC410'].includes(error.code))
        throw error;
      await park({
        queueTable: name,
        eventId: event.id,
        code: error.code === 'PC410' ? 'PC410' : 'PC403',
        message: error.message,
        key: event.extra3,
      });
      return undefined;
    }
  }

  /**
   * Parks a merged table that was truncated at one of its sources: here that would take the rows of the others with it, and
   * which rows came from that source nobody can tell. False when it is none.
   */
  async #parkTruncated(name: string, event: QueueEvent): Promise<boolean> {
    const { tx, queueName, park } = this.#ports;
    const others = await otherQueues(tx, queueName, name);
    if (others.length === 0) return false;
    await park({
      queueTable: name,
      eventId: event.id,
      code: 'PC402',
      message: `It was truncated at the source, and here it holds rows of ${quoted(others)} too, which were left alone.`,
      key: null,
    });
    return true;
  }
}

/** Events of one kind in a row: written as rows, rows that are not held here, handed to their handlers, or for the cascade itself. */
interface Sorted {
  readonly kind: 'rows' | 'large' | 'taken' | 'control';
  readonly events: QueueEvent[];
}

function joined(events: QueueEvent[], more: QueueEvent[]): QueueEvent[] {
  if (events.length === 0) return more;
  for (const event of more) events.push(event);
  return events;
}

interface TableInBlock {
  readonly name: string;
  /** Its first TRUNCATE, else its first event. */
  first: QueueEvent;
  isTruncated: boolean;
}

/** The tables of these events, in the order of their first events. */
function tablesOf(events: readonly QueueEvent[]): readonly TableInBlock[] {
  const tables = new Map<string, TableInBlock>();
  let last: QueueEvent | undefined;
  for (const event of events) {
    if (last !== undefined && event.type === last.type && event.extra1 === last.extra1) continue;
    last = event;
    const name = event.extra1 as string;
    let table = tables.get(name);
    if (table === undefined) {
      table = { name, first: event, isTruncated: false };
      tables.set(name, table);
    }
    if (!table.isTruncated && parseRowEventType(event.type)?.operation === 'truncate') {
      table.first = event;
      table.isTruncated = true;
    }
  }
  return [...tables.values()];
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `queue "${name}"`).join(', ');
}
