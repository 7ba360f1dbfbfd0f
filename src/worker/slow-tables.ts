import type { TableWrittenAgain } from '../apply/block-writer.js';
import type { Connection } from '../db/connection.js';
import type { Logger } from '../runtime/log.js';

const PAUSE_MS = 600_000;

/** Blocks of one table that were written twice, and why the last one was. */
export interface BlocksWrittenAgain extends TableWrittenAgain {
  readonly blocks: number;
  /** With those before them, since the start of the worker. */
  readonly total: bigint;
}

/**
 * Tells of tables whose blocks are refused the quick way and written again in order: nothing is lost by that, but a table that
 * always goes that way is slow. One line for each table in ten minutes at most; `status` shows the numbers.
 */
export class SlowTables {
  readonly #log: Logger;
  readonly #toldAt = new Map<string, number>();

  constructor(log: Logger) {
    this.#log = log;
  }

  note({ queueTable, reason, total }: BlocksWrittenAgain): void {
    const now = performance.now();
    const toldAt = this.#toldAt.get(queueTable);
    if (toldAt !== undefined && now - toldAt < PAUSE_MS) return;
    this.#toldAt.set(queueTable, now);
    this.#log.warn(
      { table: queueTable, blocks: total, reason },
      'Blocks of a table are written twice, the second time in order: nothing is lost, but it is slow. ' +
        'See what on the subscriber refuses them (a unique key whose values move from row to row, a trigger or constraint of its own); a smaller max_block_rows makes each repetition shorter',
    );
  }
}

/** Begins to count anew: the numbers are those since the start of the worker. */
export async function forgetWrittenAgain(subscriber: Connection, queueName: string): Promise<void> {
  await subscriber.query('delete from pgcascade.written_again where queue_name = $1', [queueName]);
}

/** Adds to the count of the table, in the batch's transaction. */
export async function countWrittenAgain(
  tx: Connection,
  queueName: string,
  blocks: Omit<BlocksWrittenAgain, 'total'>,
): Promise<BlocksWrittenAgain> {
  const { total } = await tx.one<{ total: bigint }>(
    'select pgcascade.count_written_again($1, $2, $3, $4) as total',
    [queueName, blocks.queueTable, blocks.blocks, blocks.reason],
  );
  return { ...blocks, total };
}
