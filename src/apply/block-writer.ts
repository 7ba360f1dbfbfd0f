import type { Connection } from '../db/connection.js';
import { type Conflict, conflictOf } from './conflict.js';
import type { PlannedBlock, TableConflict, WritableTable } from './plan-block.js';
import type { PlannedTable } from './plan-table.js';
import { runSteps, type StepFailure } from './run-steps.js';
import type { Step } from './step.js';
import { withoutTable, writeFailureOf } from './write-failure.js';

const SAVEPOINT = 'pgc_block';
const TABLE_SAVEPOINT = 'pgc_table';

export interface BlockOutcome {
  /** Events that are written now, or were made needless by a later TRUNCATE of the block. */
  readonly applied: number;
  /** Events of tables that are not ours, and of tables in conflict. */
  readonly skipped: number;
  readonly conflicts: readonly TableConflict[];
}

/**
 * Writes the planned blocks of one transaction, one after the other, each in one message to the server where nothing fails: so
 * the savepoint of a block is released with the message of the next, or by the end of the transaction.
 */
export class BlockWriter {
  readonly #tx: Connection;
  #holdsSavepoint = false;

  constructor(tx: Connection) {
    this.#tx = tx;
  }

  /** Writes a block that was planned for this transaction. See `applyBlock`. */
  async write(block: PlannedBlock): Promise<BlockOutcome> {
    const { tables, planned, eventCount } = block;
    const conflicts = [...block.conflicts];
    if (planned.length > 0) conflicts.push(...(await this.#writeTables(planned)));
    const inConflict = new Set(conflicts.map(({ queueTable }) => queueTable));
    const applied = tables
      .filter(({ writer }) => !inConflict.has(writer.table.queueTable))
      .reduce((sum, changes) => sum + changes.eventCount, 0);
    return { applied, skipped: eventCount - applied, conflicts };
  }

  /** Leaves no savepoint behind, for a transaction that goes on. */
  async release(): Promise<void> {
    if (!this.#holdsSavepoint) return;
    await this.#tx.execute(`release savepoint ${SAVEPOINT}`);
    this.#holdsSavepoint = false;
  }

  /** All tables' statements in one go; table by table only when one of them fails. */
  async #writeTables(tables: readonly WritableTable[]): Promise<TableConflict[]> {
    const steps = tables.flatMap(({ plan }) => plan.steps ?? plan.stepsInOrder());
    const first = this.#holdsSavepoint
      ? [`release savepoint ${SAVEPOINT}`, `savepoint ${SAVEPOINT}`]
      : [`savepoint ${SAVEPOINT}`];
    const failure = await runSteps(this.#tx, steps, { first, together: true });
    if (failure !== undefined) await this.#rollback(SAVEPOINT, failure);
    this.#holdsSavepoint = true;
    if (failure === undefined) return [];
    const conflicts: TableConflict[] = [];
    for (const { queueTable, plan } of tables) {
      const conflict = await this.#writeTable(plan, failure);
      if (conflict !== undefined) conflicts.push({ queueTable, ...conflict });
    }
    return conflicts;
  }

  /**
   * One table: the ways of its plan, until one succeeds. Only the failure of the events one by one is a conflict, and
   * only that tells which event it is.
   */
  async #writeTable(plan: PlannedTable, before: StepFailure): Promise<Conflict | undefined> {
    const hasFailed = before.kind !== 'unknown-step' && plan.steps?.includes(before.step);
    if (plan.steps !== undefined && !hasFailed) {
      if ((await this.#attempt(plan.steps, true)) === undefined) return undefined;
    }
    const rewrite = plan.rewriteSteps();
    if (rewrite !== undefined && (await this.#attempt(rewrite, true)) === undefined) return undefined;
    const inOrder = plan.stepsInOrder();
    let failure = await this.#attempt(inOrder, true);
    if (failure?.kind === 'unknown-step') failure = await this.#attempt(inOrder, false);
    return failure === undefined ? undefined : conflictOf(failure);
  }

  /** Runs steps; when one fails, none of them has been done. Throws what is not the fault of a table. */
  async #attempt(steps: readonly Step[], together: boolean): Promise<StepFailure | undefined> {
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
