import { withDatabase } from '../db/conninfo.js';
import { sleep } from '../runtime/sleep.js';
import { FailureStreak } from './failure-streak.js';
import { listDatabases } from './list-databases.js';
import type { TickerOptions, TickerPorts } from './ports.js';
import { tickDatabase } from './tick-database.js';
import { withConnection } from './with-connection.js';

/** A database whose queues are kept going. */
interface RunningDatabase {
  readonly controller: AbortController;
  readonly done: Promise<void>;
}

/**
 * Keeps the queues of all databases going until the signal is aborted. Throws only for a bug, after everything that
 * it started has ended.
 */
export async function runTicker(
  ports: TickerPorts,
  options: TickerOptions,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const stop = AbortSignal.any([signal, failed.signal]);
  const running = new Map<string, RunningDatabase>();
  const follow = (databases: readonly string[]): void => {
    for (const database of databases) {
      if (running.has(database)) continue;
      const controller = new AbortController();
      const done = tickDatabase(ports, options, database, AbortSignal.any([stop, controller.signal]));
      done.catch((error: unknown) => failed.abort(error));
      running.set(database, { controller, done });
    }
    for (const [database, { controller }] of running) {
      if (databases.includes(database)) continue;
      ports.log.info({ database }, 'Database is no longer there');
      controller.abort();
      running.delete(database);
    }
  };

  const statistics = logStatistics(ports, options.statisticsPeriodMs, stop);
  try {
    if (options.databases === undefined) await watchDatabases(ports, options, stop, follow);
    else follow(options.databases);
    await aborted(stop);
  } catch (error) {
    failed.abort(error);
  }
  await Promise.allSettled([statistics, ...Array.from(running.values(), ({ done }) => done)]);
  if (failed.signal.aborted) throw failed.signal.reason;
}

/** Looks up the databases again and again. When it fails those that are known go on. */
async function watchDatabases(
  ports: TickerPorts,
  options: TickerOptions,
  signal: AbortSignal,
  follow: (databases: readonly string[]) => void,
): Promise<void> {
  const conninfo = withDatabase(options.serverConninfo, options.initialDatabase);
  const streak = new FailureStreak(ports.log, 'Databases cannot be looked up');
  while (!signal.aborted) {
    let pauseMs = options.checkPeriodMs;
    try {
      follow(await withConnection(ports.connect, conninfo, 'ticker-databases', signal, listDatabases));
      streak.succeeded();
    } catch (error) {
      if (signal.aborted) return;
      pauseMs = Math.min(streak.failed(error), options.checkPeriodMs);
    }
    await sleep(pauseMs, signal);
  }
}

async function logStatistics(ports: TickerPorts, periodMs: number, signal: AbortSignal): Promise<void> {
  const { counts, log } = ports;
  while (await sleep(periodMs, signal)) {
    log.info({ ...counts }, 'Statistics');
    counts.ticks = 0;
    counts.maint = 0;
    counts.retry = 0;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
