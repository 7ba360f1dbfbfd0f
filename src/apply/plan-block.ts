import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { parseRowEventType } from '../queue/decode/row-event-type.js';
import type { QueueEvent } from '../queue/event.js';
import type { Conflict } from './conflict.js';
import { type PlannedTable, planTable } from './plan-table.js';
import { type RowRewrite, rewriteChanges } from './row-rewrite.js';
import { TableChanges } from './table-changes.js';
import { writerOf } from './table-writer.js';
import type { TargetTable } from './target-table.js';
import { withoutTable, writeFailureOf } from './write-failure.js';

export interface PlanBlockPorts {
  /** An open transaction on the subscriber. */
  readonly tx: Connection;
  /** Undefined when the table's events are not to be written here. Asked once for each table of the block. */
  tableOf(queueTable: string): TargetTable | undefined;
  /** What is made of the table's events first; undefined when they are written as they are. */
  rewriteOf?(queueTable: string): RowRewrite | undefined;
  /** From how many rows on a statement takes a form that the server reads faster, and we write slower. */
  readonly bulkRows?: number;
  /** True when changes of rows that are not here are left out; else such a change is a conflict. */
  ignoresMissing?(queueTable: string): boolean;
}

/** Why a table cannot go on. */
export interface TableConflict extends Conflict {
  readonly queueTable: string;
}

/** A block that `BlockWriter` can write. */
export interface PlannedBlock {
  readonly tables: readonly TableChanges[];
  readonly planned: readonly WritableTable[];
  /** Tables of which it is known already that they cannot go on. */
  readonly conflicts: readonly TableConflict[];
  readonly eventCount: number;
}

/**
 * Works out how a block is written. Uses the transaction for the tables that have something to be made of their events only;
 * without such tables it is done when this returns, and no query is sent. Throws as `applyBlock`.
 */
export function planBlock(
  ports: PlanBlockPorts,
  events: readonly QueueEvent[],
): PlannedBlock | Promise<PlannedBlock> {
  const grouped = groupByTable(ports, events);
  const isRewritten = grouped.some((changes) => rewriteOf(ports, changes) !== undefined);
  return isRewritten ? rewriteTables(ports, grouped, events) : planTables(ports, grouped, events, []);
}

function planTables(
  { bulkRows, ignoresMissing }: PlanBlockPorts,
  tables: readonly TableChanges[],
  events: readonly QueueEvent[],
  before: readonly TableConflict[],
): PlannedBlock {
  const conflicts = [...before];
  const planned: WritableTable[] = [];
  for (const changes of tables) {
    const { queueTable } = changes.writer.table;
    const plan = planTable(changes, bulkRows);
    if (plan.kind === 'conflict') conflicts.push({ queueTable, ...plan.conflict });
    else {
      const isLenient = ignoresMissing?.(queueTable) === true;
      planned.push({ queueTable, plan, bulkRows, missingFrom: isLenient ? changes : undefined });
    }
  }
  return { tables, planned, conflicts, eventCount: events.length };
}

/** The changes of each table that is ours, in the order of the tables' first events. */
function groupByTable(ports: PlanBlockPorts, events: readonly QueueEvent[]): TableChanges[] {
  const tables = new Map<string, TableChanges | undefined>();
  let name: string | undefined;
  let changes: TableChanges | undefined;
  for (const event of events) {
    const type = parseRowEventType(event.type);
    if (type === undefined || event.extra1 === null) {
      throw new ReplicateError('PC404', `Event ${event.id} is not a row event.`, { eventId: event.id });
    }
    if (event.extra1 !== name) {
      name = event.extra1;
      changes = tables.get(name);
      if (changes === undefined && !tables.has(name)) {
        const table = ports.tableOf(name);
        changes = table === undefined ? undefined : new TableChanges(writerOf(table));
        tables.set(name, changes);
      }
    }
    if (type.operation === 'truncate' && ports.rewriteOf?.(name)?.ignoresTruncate === true) {
      changes?.pass();
    } else {
      changes?.add(event, type);
    }
  }
  return [...tables.values()].filter((changes) => changes !== undefined);
}

/** Undefined when the table's rows are written as they are. */
function rewriteOf(ports: PlanBlockPorts, { writer }: TableChanges): RowRewrite | undefined {
  const rewrite = ports.rewriteOf?.(writer.table.queueTable);
  return rewrite?.changesRows === true ? rewrite : undefined;
}

async function rewriteTables(
  ports: PlanBlockPorts,
  grouped: readonly TableChanges[],
  events: readonly QueueEvent[],
): Promise<PlannedBlock> {
  const tables: TableChanges[] = [];
  const conflicts: TableConflict[] = [];
  for (const changes of grouped) {
    const rewritten = await rewriteTable(ports, changes);
    if (rewritten instanceof TableChanges) tables.push(rewritten);
    else conflicts.push({ queueTable: changes.writer.table.queueTable, ...rewritten });
  }
  return planTables(ports, tables, events, conflicts);
}

/** The table's changes as they are here; a conflict when a row cannot be read as the table's handler wants it. */
async function rewriteTable(ports: PlanBlockPorts, changes: TableChanges): Promise<TableChanges | Conflict> {
  const { tx } = ports;
  const rewrite = rewriteOf(ports, changes);
  const first = changes.sections[0]?.changes[0];
  if (rewrite === undefined || first === undefined) return changes;
  await tx.execute('savepoint pgc_rewrite');
  try {
    const rewritten = await rewriteChanges(tx, changes, rewrite);
    await tx.execute('release savepoint pgc_rewrite');
    return rewritten;
  } catch (error) {
    const reason = writeFailureOf(error);
    if (reason === undefined) throw withoutTable(error);
    await tx.execute('rollback to savepoint pgc_rewrite; release savepoint pgc_rewrite');
    const message = `The table's handler cannot be applied to the events from this one on: ${reason.message}`;
    return { eventId: first.event.id, key: first.key || null, code: 'PC403', message, isOfHandler: true };
  }
}

export interface WritableTable {
  readonly queueTable: string;
  readonly plan: PlannedTable;
  readonly bulkRows: number | undefined;
  /** Its changes, where those of missing rows are to be left out. */
  readonly missingFrom: TableChanges | undefined;
}
