import type { Connection } from '../db/connection.js';

/** With `ticker_period` at its default, a row is on a leaf a quarter of a second after its commit. */
const MAX_LAG = '0.2 seconds';
/** What `pgq.create_queue` gives a queue, as PgQ does. */
const MAX_LAG_OF_PGQ = '3 seconds';

/**
 * Gives the queue of a node that is being made ticks as often as replication wants them. A queue that was told another
 * `ticker_max_lag` keeps it. In the caller's transaction; may be repeated.
 */
export async function setTickInterval(tx: Connection, queueName: string): Promise<void> {
  await tx.query(
    `select pgq.set_queue_config(queue_name, 'ticker_max_lag', $2) from pgq.get_queue_info($1)
      where queue_ticker_max_lag = $3::interval`,
    [queueName, MAX_LAG, MAX_LAG_OF_PGQ],
  );
}
