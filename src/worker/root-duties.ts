import type { Connection } from '../db/connection.js';
import type { WorkerOptions } from './worker-options.js';

/** How often a root looks whether its sequences have to be published further ahead. */
const SEQUENCE_PERIOD_MS = 2_000;

/** What the worker of a root does: it has no batches, but publishes sequences and the cascade's watermark. */
export class RootDuties {
  readonly #options: WorkerOptions;
  #sequencesAt = Number.NEGATIVE_INFINITY;
  #watermarkAt = Number.NEGATIVE_INFINITY;

  constructor(options: WorkerOptions) {
    this.#options = options;
  }

  /** Does what is due. May be repeated at any time. */
  async run(root: Connection): Promise<void> {
    const { queueName, globalWmPublishPeriodMs, seqMargin } = this.#options;
    const now = performance.now();
    const sequencesAreDue = now - this.#sequencesAt >= SEQUENCE_PERIOD_MS;
    const watermarkIsDue = now - this.#watermarkAt >= globalWmPublishPeriodMs;
    if (!sequencesAreDue && !watermarkIsDue) return;
    await root.transaction(async (tx) => {
      // A takeover closes the queue, and then nothing may be written; the lock makes it wait for us.
      const open = await tx.query(
        'select from pgq.queue where queue_name = $1 and not queue_disable_insert for share',
        [queueName],
      );
      if (open.length === 0) return;
      if (sequencesAreDue) {
        await tx.query('select ret_code from londiste.root_check_seqs($1, $2)', [queueName, seqMargin]);
      }
      if (watermarkIsDue) {
        await tx.query('select ret_code from pgq_node.set_global_watermark($1, null)', [queueName]);
      }
    });
    if (sequencesAreDue) this.#sequencesAt = now;
    if (watermarkIsDue) this.#watermarkAt = now;
  }
}
