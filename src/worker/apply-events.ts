import { applyBlock, type TableConflict } from '../apply/apply-block.js';
import type { RowRewrite } from '../apply/row-rewrite.js';
import type { TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { parseRowEventType } from '../queue/decode/row-event-type.js';
import type { QueueEvent } from '../queue/event.js';
import { type AppliedScript, applyScript } from './apply-script.js';
import {
  applyControlEvent,
  type ControlEventContext,
  isControlEvent,
  SCRIPT_EVENT,
} from './control-event.js';
import { otherQueues } from './merged-table.js';
import type { TableRegistry } from './table-registry.js';
import type { TakenTables } from './taken-tables.js';

export interface ApplyEventsPorts {
  readonly queueName: string;
  /** The open transaction of the batch on the subscriber. */
  readonly tx: Connection;
  readonly registry: TableRegistry;
  /** Which tables' events are applied here: all that are in sync, or the one that catches up. */
  readonly isApplied: (tableName: string) => boolean;
  /** The tables whose handlers take their events over. */
  readonly taken: TakenTables;
  /** Undefined for a table that catches up: the worker itself sees to the cascade's events. */
  readonly controlEvents: ControlEventContext | undefined;
  /** Called in the transaction for each table that cannot go on. */
  readonly park: (conflict: TableConflict) => Promise<void>;
  /** Called for each script that has come to its place. */
  readonly noteScript: (script: AppliedScript) => void;
}

/** Applies one block of a batch in the order of the queue and returns how many row events were applied. */
export async function applyEvents(ports: ApplyEventsPorts, block: readonly QueueEvent[]): Promise<number> {
  let applied = 0;
  let rows: QueueEvent[] = [];
  let taken: QueueEvent[] = [];
  for (const event of block) {
    if (!isControlEvent(event)) {
      if (event.extra1 === null || !ports.isApplied(event.extra1)) continue;
      if (ports.taken.has(event.extra1)) taken.push(event);
      else rows.push(event);
    } else if (ports.controlEvents !== undefined) {
      // A control event keeps its place between the rows.
      applied += (await applyRows(ports, rows)) + (await ports.taken.write(taken));
      rows = [];
      taken = [];
      await ports.taken.finish();
      if (event.type === SCRIPT_EVENT) {
        ports.noteScript(await applyScript(ports.tx, ports.queueName, event));
        // Names and columns may be others from here on.
        await ports.registry.reload(ports.tx);
      } else {
        await applyControlEvent(ports.tx, ports.queueName, event, ports.controlEvents);
      }
    }
  }
  return applied + (await applyRows(ports, rows)) + (await ports.taken.write(taken));
}

async function applyRows(ports: ApplyEventsPorts, events: readonly QueueEvent[]): Promise<number> {
  if (events.length === 0) return 0;
  const targets = new Map<string, TargetTable>();
  const rewrites = new Map<string, RowRewrite | undefined>();
  const missing = await parkTruncated(ports, events);
  for (const event of events) {
    const name = event.extra1 as string;
    if (targets.has(name) || missing.has(name)) continue;
    try {
      const target = await ports.registry.target(ports.tx, name);
      rewrites.set(name, ports.registry.rewrite(target));
      targets.set(name, target);
    } catch (error) {
      if (!(error instanceof ReplicateError) || !['PC403', 'PC406', 'PC410'].includes(error.code))
        throw error;
      missing.add(name);
      await ports.park({
        queueTable: name,
        eventId: event.id,
        code: error.code === 'PC410' ? 'PC410' : 'PC403',
        message: error.message,
        key: event.extra3,
      });
    }
  }
  const outcome = await applyBlock(
    { tx: ports.tx, tableOf: (name) => targets.get(name), rewriteOf: (name) => rewrites.get(name) },
    events,
  );
  for (const conflict of outcome.conflicts) {
    ports.registry.forgetTarget(conflict.queueTable);
    await ports.park(conflict);
  }
  return outcome.applied;
}

/**
 * Parks the merged tables that were truncated at one of their sources: here that would take the rows of the others
 * with it, and which rows came from that source nobody can tell. Returns their names.
 */
async function parkTruncated(ports: ApplyEventsPorts, events: readonly QueueEvent[]): Promise<Set<string>> {
  const parked = new Set<string>();
  for (const event of events) {
    const name = event.extra1 as string;
    if (parked.has(name) || parseRowEventType(event.type)?.operation !== 'truncate') continue;
    const others = await otherQueues(ports.tx, ports.queueName, name);
    if (others.length === 0) continue;
    parked.add(name);
    await ports.park({
      queueTable: name,
      eventId: event.id,
      code: 'PC402',
      message: `It was truncated at the source, and here it holds rows of ${quoted(others)} too, which were left alone.`,
      key: null,
    });
  }
  return parked;
}

function quoted(names: readonly string[]): string {
  return names.map((name) => `queue "${name}"`).join(', ');
}
