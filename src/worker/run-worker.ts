import { ReplicateError } from '../errors/replicate-error.js';
import { backoffMs } from '../runtime/backoff.js';
import { sleep } from '../runtime/sleep.js';
import { describeFailure, policyOf } from './failure.js';
import type { WorkerOptions } from './worker-options.js';
import { WorkerSession } from './worker-session.js';

const FIRST_PAUSE_MS = 100;

/**
 * Runs the worker of one node until the signal is aborted.
 *
 * An error that may pass (a server that is away, a deadlock) is waited out with growing pauses; every other one ends
 * the worker by throwing, with the error noted on the node for `status`. Whatever dies, the next session goes on from
 * what the databases say. `onReady` is called once, when the node's lock is held.
 */
export async function runWorker(options: WorkerOptions, onReady: () => void): Promise<void> {
  const { signal, log, exceptionSleepMs } = options;
  let failures = 0;
  let isReady = false;
  while (!signal.aborted) {
    try {
      await using session = await WorkerSession.open(options);
      if (!isReady) {
        isReady = true;
        onReady();
        log.info({ queue: options.queueName, consumer: options.consumerName }, 'Worker started');
      }
      failures = 0;
      await session.run();
    } catch (error) {
      if (signal.aborted) break;
      // At its start a worker says at once what is wrong; later it is a daemon that has to come through.
      const policy = policyOf(error);
      const isLockedOut = isReady && error instanceof ReplicateError && error.code === 'PC304';
      if (!isReady || (policy !== 'retry' && !isLockedOut)) {
        await noteError(options, error);
        throw error;
      }
      failures++;
      const pauseMs = backoffMs(failures, { firstMs: FIRST_PAUSE_MS, limitMs: exceptionSleepMs });
      log.warn({ err: error, failures, retryInMs: pauseMs }, `Worker interrupted: ${describeFailure(error)}`);
      await noteError(options, error);
      await sleep(pauseMs, signal);
    }
  }
  log.info('Worker stopped');
}

/** Shows the error in `status`. Never throws: the error itself is what matters. */
async function noteError(options: WorkerOptions, error: unknown): Promise<void> {
  const { connect, conninfo, queueName, consumerName, log } = options;
  try {
    await using connection = await connect(conninfo, { application: `error/${consumerName}` });
    await connection.query('select ret_code from pgq_node.set_consumer_error($1, $2, $3)', [
      queueName,
      consumerName,
      describeFailure(error),
    ]);
  } catch (noteFailure) {
    log.debug({ err: noteFailure }, 'The error cannot be noted on the node');
  }
}
