import type { Connection } from '../db/connection.js';
import { type Conflict, conflictOf, describeFailure } from './conflict.js';
import { type LeftOut, presentChanges } from './missing-rows.js';
import type { PlannedBlock, TableConflict, WritableTable } from './plan-block.js';
import { type PlannedTable, planTable } from './plan-table.js';
import { runPresentSteps, runSteps, type StepFailure, sendSteps } from './run-steps.js';
import type { Step } from './step.js';
import { withoutTable, writeFailureOf } from './write-failure.js';

const SAVEPOINT = 'pgc_block';
const TABLE_SAVEPOINT = 'pgc_table';

/** What a table's block had of changes of rows that are not here. */
export interface TableLeftOut extends LeftOut {
  readonly queueTable: string;
}

/** A table whose block was refused the quick way, and then written in another. */
export interface TableWrittenAgain {
  readonly queueTable: string;
  /** What was refused, without any value of a row. */
  readonly reason: string;
}

export interface BlockOutcome {
  /** Events that are written now, were made needless by a later TRUNCATE of the block, or were left out. */
  readonly applied: number;
  /** Events of tables that are not ours, and of tables in conflict. */
  readonly skipped: number;
  readonly conflicts: readonly TableConflict[];
  readonly leftOut: readonly TableLeftOut[];
  /** The server refused the block as it was sent first. */
  readonly isRedone: boolean;
  readonly writtenAgain: readonly TableWrittenAgain[];
}

type TableOutcome =
  | {
      readonly kind: 'written';
      readonly leftOut?: LeftOut | undefined;
      /** Why the quick way did not succeed; undefined when it did, or there is none. */
      readonly refused?: string | undefined;
    }
  | { readonly kind: 'conflict'; readonly conflict: Conflict };

/**
 * A block touched another number of rows than it must when the next one had been written already: the transaction is to be rolled
 * back and done again, one block at a time.
 */
export class WrittenAhead extends Error {}

/** A block that has been sent. */
interface SentBlock {
  /** The next may be sent behind it before it is answered. */
  readonly canBeFollowed: boolean;
  /** What the server says of it. */
  readonly failure: Promise<StepFailure | undefined>;
  /** The block that was sent behind it. */
  next?: SentBlock;
}

/**
 * Writes the planned blocks of one transaction, one after the other, each in one message to the server where nothing fails: so
 * the savepoint of a block is released with the message of the next, or by the end of the transaction.
 *
 * The next block may be sent while one is under way, for the server not to wait. Nothing of it is done when the one before is
 * refused, as the transaction is in error then: the one before is written in another way, and the next is sent again.
 */
export class BlockWriter {
  readonly #tx: Connection;
  #holdsSavepoint = false;
  #sent: SentBlock | undefined;

  constructor(tx: Connection) {
    this.#tx = tx;
  }

  /** True while a block is under way that `writeBehind` may follow. */
  get canBeFollowed(): boolean {
    return this.#sent?.canBeFollowed === true;
  }

  /**
   * Writes a block that was planned for this transaction, when the one before is done. See `applyBlock`. Throws `WrittenAhead` when
   * `writeBehind` has written another since, and this one needs to be written in another way.
   */
  async write(block: PlannedBlock): Promise<BlockOutcome> {
    return this.#finish(block, this.#send(block));
  }

  /** As `write`, behind a block that `canBeFollowed`; undefined when that one was refused: nothing of this one is done then. */
  async writeBehind(block: PlannedBlock): Promise<BlockOutcome | undefined> {
    const before = this.#sent;
    const sent = this.#send(block);
    if (before !== undefined && sent !== undefined) {
      before.next = sent;
      await sent.failure;
      if ((await before.failure) !== undefined) {
        this.#sent = undefined;
        return undefined;
      }
    }
    return this.#finish(block, sent);
  }

  /** Undefined when there is nothing to write. */
  #send(block: PlannedBlock): SentBlock | undefined {
    const { planned, conflicts } = block;
    this.#sent = undefined;
    if (planned.length === 0) return undefined;
    const steps = planned.flatMap(({ plan }) => plan.steps ?? plan.stepsInOrder());
    const first = this.#holdsSavepoint
      ? [`release savepoint ${SAVEPOINT}`, `savepoint ${SAVEPOINT}`]
      : [`savepoint ${SAVEPOINT}`];
    const { isWhole, failure } = sendSteps(this.#tx, steps, { first, together: true });
    this.#holdsSavepoint = true;
    // What becomes of a table in conflict, or of missing rows, has to be known before the next block is planned.
    const isCertain = conflicts.length === 0 && planned.every(({ missingFrom }) => missingFrom === undefined);
    const sent = { canBeFollowed: isWhole && isCertain, failure };
    this.#sent = sent;
    return sent;
  }

  async #finish(block: PlannedBlock, sent: SentBlock | undefined): Promise<BlockOutcome> {
    const { tables, planned, eventCount } = block;
    const conflicts = [...block.conflicts];
    const leftOut: TableLeftOut[] = [];
    const writtenAgain: TableWrittenAgain[] = [];
    const failure = await sent?.failure;
    const isRedone = sent !== undefined && failure !== undefined;
    for (const { queueTable, outcome } of isRedone ? await this.#redo(planned, sent, failure) : []) {
      if (outcome.kind === 'conflict') conflicts.push({ queueTable, ...outcome.conflict });
      else if (outcome.leftOut !== undefined) leftOut.push({ queueTable, ...outcome.leftOut });
      else if (outcome.refused !== undefined) writtenAgain.push({ queueTable, reason: outcome.refused });
    }
    const inConflict = new Set(conflicts.map(({ queueTable }) => queueTable));
    const applied = tables
      .filter(({ writer }) => !inConflict.has(writer.table.queueTable))
      .reduce((sum, changes) => sum + changes.eventCount, 0);
    return { applied, skipped: eventCount - applied, conflicts, leftOut, isRedone, writtenAgain };
  }

  /** Leaves no savepoint behind, for a transaction that goes on. */
  async release(): Promise<void> {
    if (!this.#holdsSavepoint) return;
    await this.#tx.execute(`release savepoint ${SAVEPOINT}`);
    this.#holdsSavepoint = false;
  }

  /** Table by table, and only then there are outcomes. */
  async #redo(
    tables: readonly WritableTable[],
    sent: SentBlock,
    failure: StepFailure,
  ): Promise<{ readonly queueTable: string; readonly outcome: TableOutcome }[]> {
    this.#sent = undefined;
    if (sent.next !== undefined) {
      if (failure.kind === 'count') throw new WrittenAhead();
      // The server has refused it, as the transaction was in error.
      await sent.next.failure;
    }
    await this.#rollback(SAVEPOINT, failure);
    const outcomes: { queueTable: string; outcome: TableOutcome }[] = [];
    for (const table of tables) {
      const hasFailed = failure.kind !== 'unknown-step' && table.plan.steps?.includes(failure.step) === true;
      const failed = hasFailed ? failure : undefined;
      outcomes.push({ queueTable: table.queueTable, outcome: await this.#writeTable(table, failed) });
    }
    return outcomes;
  }

  /** One table. `failed`: why the first way of its plan does not succeed, where that is known. */
  async #writeTable(
    { plan, bulkRows, missingFrom }: WritableTable,
    failed: StepFailure | undefined,
  ): Promise<TableOutcome> {
    const refused = failed ?? (plan.steps === undefined ? undefined : await this.#attempt(plan.steps));
    if (plan.steps !== undefined && refused === undefined) return { kind: 'written' };
    const inOrder = async () => outcomeOf(await this.#writeSlowly(plan), undefined, refused);
    if (missingFrom === undefined) return inOrder();
    const present = await presentChanges(this.#tx, missingFrom);
    if (present === undefined) return this.#writePresent(plan);
    const { changes, leftOut } = present;
    if (leftOut === undefined) return inOrder();
    const rest = planTable(changes, bulkRows);
    return rest.kind === 'conflict' ? rest : outcomeOf(await this.#writePlan(rest), leftOut);
  }

  /**
   * The ways of a plan, until one succeeds. Only the failure of the events one by one is a conflict, and only that tells
   * which event it is.
   */
  async #writePlan(plan: PlannedTable): Promise<StepFailure | undefined> {
    if (plan.steps !== undefined && (await this.#attempt(plan.steps)) === undefined) return undefined;
    return this.#writeSlowly(plan);
  }

  /** The ways that are left when the first does not succeed. */
  async #writeSlowly(plan: PlannedTable): Promise<StepFailure | undefined> {
    const rewrite = plan.rewriteSteps();
    if (rewrite !== undefined && (await this.#attempt(rewrite)) === undefined) return undefined;
    const inOrder = plan.stepsInOrder();
    const failure = await this.#attempt(inOrder);
    return failure?.kind === 'unknown-step' ? this.#attempt(inOrder, false) : failure;
  }

  /** One change after the other, without those whose row is not there. */
  async #writePresent(plan: PlannedTable): Promise<TableOutcome> {
    const rewrite = plan.rewriteSteps();
    if (rewrite !== undefined && (await this.#attempt(rewrite)) === undefined) return { kind: 'written' };
    const missing: Step[] = [];
    const steps = plan.stepsInOrder();
    await this.#tx.execute(`savepoint ${TABLE_SAVEPOINT}`);
    const failure = await runPresentSteps(this.#tx, steps, (step) => missing.push(step));
    if (failure !== undefined) await this.#rollback(TABLE_SAVEPOINT, failure);
    await this.#tx.execute(`release savepoint ${TABLE_SAVEPOINT}`);
    const [first] = missing[0]?.changes ?? [];
    if (first === undefined) return outcomeOf(failure);
    return outcomeOf(failure, { count: missing.length, eventId: first.event.id, key: first.key || null });
  }

  /** Runs steps; when one fails, none of them has been done. Throws what is not the fault of a table. */
  async #attempt(steps: readonly Step[], together = true): Promise<StepFailure | undefined> {
    const first = [`savepoint ${TABLE_SAVEPOINT}`];
    const failure = await runSteps(this.#tx, steps, { first, together });
    if (failure !== undefined) await this.#rollback(TABLE_SAVEPOINT, failure);
    await this.#tx.execute(`release savepoint ${TABLE_SAVEPOINT}`);
    return failure;
  }

  async #rollback(savepoint: string, failure: StepFailure): Promise<void> {
    if (failure.kind !== 'count' && writeFailureOf(failure.error) === undefined)
      throw withoutTable(failure.error);
    await this.#tx.execute(`rollback to savepoint ${savepoint}`);
  }
}

function outcomeOf(failure: StepFailure | undefined, leftOut?: LeftOut, refused?: StepFailure): TableOutcome {
  if (failure !== undefined) return { kind: 'conflict', conflict: conflictOf(failure) };
  return { kind: 'written', leftOut, refused: refused && describeFailure(refused) };
}
