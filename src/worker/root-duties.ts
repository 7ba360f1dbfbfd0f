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
    const { queueName, globalWmPublishPeriodMs } = this.#options;
    const now = performance.now();
    if (now - this.#sequencesAt >= SEQUENCE_PERIOD_MS) {
      await root.query('select ret_code from londiste.root_check_seqs($1)', [queueName]);
      this.#sequencesAt = now;
    }
    if (now - this.#watermarkAt >= globalWmPublishPeriodMs) {
      await root.query('select ret_code from pgq_node.set_global_watermark($1, null)', [queueName]);
      this.#watermarkAt = now;
    }
  }
}
