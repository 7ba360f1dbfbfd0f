import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { parseRowEventType } from '../queue/decode/row-event-type.js';
import type { QueueEvent } from '../queue/event.js';
import { type Conflict, conflictOf } from './conflict.js';
import { type LeftOut, presentChanges } from './missing-rows.js';
import { type PlannedTable, planTable } from './plan-table.js';
import { type RowRewrite, rewriteChanges } from './row-rewrite.js';
import { runPresentSteps, runSteps, type StepFailure } from './run-steps.js';
import type { Step } from './step.js';
import { TableChanges } from './table-changes.js';
import { writerOf } from './table-writer.js';
import type { TargetTable } from './target-table.js';
import { writeFailureOf } from './write-failure.js';

export interface ApplyBlockPorts {
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

/** What a table's block had of changes of rows that are not here. */
export interface TableLeftOut extends LeftOut {
  readonly queueTable: string;
}

export interface BlockOutcome {
  /** Events that are written now, were made needless by a later TRUNCATE of the block, or were left out. */
  readonly applied: number;
  /** Events of tables that are not ours, and of tables in conflict. */
  readonly skipped: number;
  readonly conflicts: readonly TableConflict[];
  readonly leftOut: readonly TableLeftOut[];
}

/**
 * Writes a block of row events, in the order of their ids, within the caller's transaction.
 *
 * The result is exactly that of the source's own order, at whose end only the rows can be seen; most blocks cost one
 * to three statements for each table. A table of which one event cannot be written is in conflict: then none of its
 * events of this block is written, and the other tables' are. Not to be repeated within the transaction.
 *
 * Throws PC404 for an event that is no row event or cannot be read, and everything that is no fault of a table (lost
 * connection, deadlock, missing right): the transaction must then be rolled back.
 */
export async function applyBlock(
  ports: ApplyBlockPorts,
  events: readonly QueueEvent[],
): Promise<BlockOutcome> {
  return writeBlock(ports.tx, await planBlock(ports, events));
}

/** A block that can be written: see `writeBlock`. */
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
  ports: ApplyBlockPorts,
  events: readonly QueueEvent[],
): PlannedBlock | Promise<PlannedBlock> {
  const grouped = groupByTable(ports, events);
  const isRewritten = grouped.some((changes) => rewriteOf(ports, changes) !== undefined);
  return isRewritten ? rewriteTables(ports, grouped, events) : planTables(ports, grouped, events, []);
}

function planTables(
  { bulkRows, ignoresMissing }: ApplyBlockPorts,
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

/** Writes a block, in the transaction that it was planned for. See `applyBlock`. */
export async function writeBlock(tx: Connection, block: PlannedBlock): Promise<BlockOutcome> {
  const { tables, planned, eventCount } = block;
  const conflicts = [...block.conflicts];
  const leftOut: TableLeftOut[] = [];
  for (const { queueTable, outcome } of planned.length > 0 ? await write(tx, planned) : []) {
    if (outcome.kind === 'conflict') conflicts.push({ queueTable, ...outcome.conflict });
    else if (outcome.leftOut !== undefined) leftOut.push({ queueTable, ...outcome.leftOut });
  }
  const inConflict = new Set(conflicts.map(({ queueTable }) => queueTable));
  const applied = tables
    .filter(({ writer }) => !inConflict.has(writer.table.queueTable))
    .reduce((sum, changes) => sum + changes.eventCount, 0);
  return { applied, skipped: eventCount - applied, conflicts, leftOut };
}

/** The changes of each table that is ours, in the order of the tables' first events. */
function groupByTable(ports: ApplyBlockPorts, events: readonly QueueEvent[]): TableChanges[] {
  const tables = new Map<string, TableChanges | undefined>();
  for (const event of events) {
    const type = parseRowEventType(event.type);
    if (type === undefined || event.extra1 === null) {
      throw new ReplicateError('PC404', `Event ${event.id} is not a row event.`, { eventId: event.id });
    }
    let changes = tables.get(event.extra1);
    if (changes === undefined && !tables.has(event.extra1)) {
      const table = ports.tableOf(event.extra1);
      changes = table === undefined ? undefined : new TableChanges(writerOf(table));
      tables.set(event.extra1, changes);
    }
    if (type.operation === 'truncate' && ports.rewriteOf?.(event.extra1)?.ignoresTruncate === true) {
      changes?.pass();
    } else {
      changes?.add(event, type);
    }
  }
  return [...tables.values()].filter((changes) => changes !== undefined);
}

/** Undefined when the table's rows are written as they are. */
function rewriteOf(ports: ApplyBlockPorts, { writer }: TableChanges): RowRewrite | undefined {
  const rewrite = ports.rewriteOf?.(writer.table.queueTable);
  return rewrite?.changesRows === true ? rewrite : undefined;
}

async function rewriteTables(
  ports: ApplyBlockPorts,
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
async function rewriteTable(ports: ApplyBlockPorts, changes: TableChanges): Promise<TableChanges | Conflict> {
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
    if (reason === undefined) throw withCode(error);
    await tx.execute('rollback to savepoint pgc_rewrite; release savepoint pgc_rewrite');
    const message = `The table's handler cannot be applied to the events from this one on: ${reason.message}`;
    return { eventId: first.event.id, key: first.key || null, code: 'PC403', message, isOfHandler: true };
  }
}

interface WritableTable {
  readonly queueTable: string;
  readonly plan: PlannedTable;
  readonly bulkRows: number | undefined;
  /** Its changes, where those of missing rows are to be left out. */
  readonly missingFrom: TableChanges | undefined;
}

type TableOutcome =
  | { readonly kind: 'written'; readonly leftOut?: LeftOut | undefined }
  | { readonly kind: 'conflict'; readonly conflict: Conflict };

/** All tables' statements in one go; table by table only when one of them fails, and only then there are outcomes. */
async function write(
  tx: Connection,
  tables: readonly WritableTable[],
): Promise<{ readonly queueTable: string; readonly outcome: TableOutcome }[]> {
  const steps = tables.flatMap(({ plan }) => plan.steps ?? plan.stepsInOrder());
  const failure = await runUnderSavepoint(tx, 'pgc_block', () => runSteps(tx, steps, { together: true }));
  if (failure === undefined) return [];
  const outcomes: { queueTable: string; outcome: TableOutcome }[] = [];
  for (const table of tables) {
    const hasFailed = failure.kind !== 'unknown-step' && table.plan.steps?.includes(failure.step) === true;
    outcomes.push({ queueTable: table.queueTable, outcome: await writeTable(tx, table, hasFailed) });
  }
  return outcomes;
}

/** One table: the ways of its plan, until one succeeds. `hasFailed`: the first of them does not. */
async function writeTable(tx: Connection, table: WritableTable, hasFailed: boolean): Promise<TableOutcome> {
  const { plan, bulkRows, missingFrom } = table;
  if (missingFrom === undefined) return outcomeOf(await writePlan(tx, plan, hasFailed));
  if (!hasFailed && plan.steps !== undefined && (await attempt(tx, plan.steps)) === undefined) {
    return { kind: 'written' };
  }
  const present = await presentChanges(tx, missingFrom);
  if (present === undefined) return writePresent(tx, plan);
  const { changes, leftOut } = present;
  if (leftOut === undefined) return outcomeOf(await writePlan(tx, plan, true));
  const rest = planTable(changes, bulkRows);
  return rest.kind === 'conflict' ? rest : outcomeOf(await writePlan(tx, rest, false), leftOut);
}

function outcomeOf(failure: StepFailure | undefined, leftOut?: LeftOut): TableOutcome {
  if (failure !== undefined) return { kind: 'conflict', conflict: conflictOf(failure) };
  return { kind: 'written', leftOut };
}

/** The ways of a plan. Only the failure of the events one by one is a conflict, and only that tells which event it is. */
async function writePlan(
  tx: Connection,
  plan: PlannedTable,
  hasFailed: boolean,
): Promise<StepFailure | undefined> {
  if (plan.steps !== undefined && !hasFailed) {
    if ((await attempt(tx, plan.steps)) === undefined) return undefined;
  }
  const rewrite = plan.rewriteSteps();
  if (rewrite !== undefined && (await attempt(tx, rewrite)) === undefined) return undefined;
  const inOrder = plan.stepsInOrder();
  const failure = await attempt(tx, inOrder);
  return failure?.kind === 'unknown-step' ? attempt(tx, inOrder, { together: false }) : failure;
}

/** One change after the other, without those whose row is not there. */
async function writePresent(tx: Connection, plan: PlannedTable): Promise<TableOutcome> {
  const rewrite = plan.rewriteSteps();
  if (rewrite !== undefined && (await attempt(tx, rewrite)) === undefined) return { kind: 'written' };
  const missing: Step[] = [];
  const steps = plan.stepsInOrder();
  const failure = await runUnderSavepoint(tx, 'pgc_table', () =>
    runPresentSteps(tx, steps, (step) => missing.push(step)),
  );
  const [first] = missing[0]?.changes ?? [];
  if (first === undefined) return outcomeOf(failure);
  return outcomeOf(failure, { count: missing.length, eventId: first.event.id, key: first.key || null });
}

function attempt(
  tx: Connection,
  steps: readonly Step[],
  options = { together: true },
): Promise<StepFailure | undefined> {
  return runUnderSavepoint(tx, 'pgc_table', () => runSteps(tx, steps, options));
}

/** Runs steps; when one fails, none of them has been done. Throws what is not the fault of a table. */
async function runUnderSavepoint(
  tx: Connection,
  name: string,
  run: () => Promise<StepFailure | undefined>,
): Promise<StepFailure | undefined> {
  await tx.execute(`savepoint ${name}`);
  const failure = await run();
  if (failure !== undefined) {
    if (failure.kind !== 'count' && writeFailureOf(failure.error) === undefined) {
      throw withCode(failure.error);
    }
    await tx.execute(`rollback to savepoint ${name}`);
  }
  await tx.execute(`release savepoint ${name}`);
  return failure;
}

function withCode(error: unknown): unknown {
  if (sqlstateOf(error) !== SQLSTATE.insufficientPrivilege) return error;
  const reason = error instanceof Error ? error.message : 'permission denied';
  return new ReplicateError('PC204', `A table cannot be written: ${reason}.`, {}, { cause: error });
}
