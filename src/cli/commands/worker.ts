import { keepHeapSmall } from '../../runtime/small-heap.js';
import { runWorker } from '../../worker/run-worker.js';
import type { CommandSpec } from '../command.js';
import { handlerSettings } from '../handler-settings.js';

export const command: CommandSpec = {
  name: 'worker',
  summary: 'Moves batches onto this node, copies its tables, and publishes its watermarks.',
  daemon: true,
  async run({ config, connect, log, signal, ready }) {
    keepHeapSmall();
    await runWorker(
      {
        connect,
        log,
        signal,
        conninfo: config.db,
        queueName: config.queueName,
        consumerName: config.consumerName,
        loopDelayMs: config.loopDelayMs,
        exceptionSleepMs: config.exceptionSleepMs,
        parallelCopies: config.parallelCopies,
        copySplitBytes: config.copySplitSize,
        copyBytesPerSecond: config.copyRateLimit,
        copyLagLimitMs: config.copyLagLimitMs,
        copyLatencyLimitMs: config.copyLatencyLimitMs,
        indexMemory: config.copyMaintenanceWorkMem,
        handlers: handlerSettings(config),
        maxBlockRows: config.maxBlockRows,
        maxBlockBytes: config.maxBlockBytes,
        bulkRows: config.bulkRows,
        conflictPolicy: config.conflict,
        localWmPublishPeriodMs: config.localWmPublishPeriodMs,
        globalWmPublishPeriodMs: config.globalWmPublishPeriodMs,
        seqMargin: config.seqMargin,
        statisticsPeriodMs: config.keepaliveStatsMs,
      },
      () => ready?.(),
    );
    return 0;
  },
};
