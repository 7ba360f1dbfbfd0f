import type { Connection } from '../db/connection.js';
import { withDatabase } from '../db/conninfo.js';
import { sqlstateOf } from '../db/sqlstate.js';
import type { Logger } from '../runtime/log.js';
import { sleep } from '../runtime/sleep.js';
import { BudgetWatch } from './budget-watch.js';
import { CaptureWatch } from './capture-watch.js';
import { FailureStreak } from './failure-streak.js';
import { type DatabaseKind, lookAtDatabase } from './look-at-database.js';
import { makeTicks } from './make-ticks.js';
import type { TickerOptions, TickerPorts } from './ports.js';
import { retryEvents } from './retry-events.js';
import { runMaintenance } from './run-maintenance.js';
import { withConnection } from './with-connection.js';

/** A database that is named in the configuration is expected to get queues soon: one cheap query on an open connection. */
const EXPECTED_CHECK_MS = 1000;
/** A tick takes milliseconds; a server that does not answer for so long is taken as lost. */
const TICK_DEADLINE_MS = 120_000;

interface DatabaseTask {
  readonly ports: TickerPorts;
  readonly options: TickerOptions;
  readonly database: string;
  /** True when the database is named in the configuration. */
  readonly isExpected: boolean;
  readonly log: Logger;
  readonly signal: AbortSignal;
  /** As the tick loop saw it last: the other loops do nothing where there are no queues. */
  kind: DatabaseKind | undefined;
}

/**
 * Keeps the queues of one database going until the signal is aborted: ticks on one lasting connection, maintenance
 * and retry on a connection of their own per cycle. Failures of the server are waited out; only a bug ends it.
 */
export async function tickDatabase(
  ports: TickerPorts,
  options: TickerOptions,
  database: string,
  signal: AbortSignal,
): Promise<void> {
  const failed = new AbortController();
  const task: DatabaseTask = {
    ports,
    options,
    database,
    isExpected: options.databases !== undefined,
    log: ports.log.child({ database }),
    signal: AbortSignal.any([signal, failed.signal]),
    kind: undefined,
  };
  const budgets = new BudgetWatch(task.log);
  const loops = [
    runTicks(task),
    runPeriodically(task, 'maintenance', options.maintenancePeriodMs, async (connection) => {
      // First: a consumer that is dropped must not hold up this cycle's rotation.
      await lookAtBudgets(budgets, connection, task.log);
      ports.counts.maint += await runMaintenance(connection, task.log, task.signal);
    }),
    runPeriodically(task, 'retry', options.retryPeriodMs, async (connection) => {
      ports.counts.retry += await retryEvents(connection, task.signal);
    }),
  ];
  for (const loop of loops) loop.catch((error: unknown) => failed.abort(error));
  await Promise.all(loops);
}

/** What the server answers to this must not keep the tables from being rotated; the next cycle looks again. */
async function lookAtBudgets(budgets: BudgetWatch, connection: Connection, log: Logger): Promise<void> {
  try {
    await budgets.look(connection);
  } catch (error) {
    if (sqlstateOf(error) === undefined) throw error;
    log.error({ err: error }, 'Budgets of the queues cannot be looked at');
  }
}

/** The tick loop: connects, looks, ticks; begins again after a failure. */
async function runTicks(task: DatabaseTask): Promise<void> {
  const { ports, options, signal } = task;
  const conninfo = withDatabase(options.serverConninfo, task.database);
  const streak = new FailureStreak(task.log, 'Ticks cannot be made');
  const captures = new CaptureWatch(task.log);
  while (!signal.aborted) {
    let pauseMs = 0;
    try {
      await withConnection(ports.connect, conninfo, 'ticker', signal, async (connection) => {
        const openedAt = performance.now();
        if (!(await hasQueues(task, connection))) {
          pauseMs = options.checkPeriodMs;
          return;
        }
        while (!signal.aborted && performance.now() - openedAt < options.connectionLifetimeMs) {
          const startedAt = performance.now();
          ports.counts.ticks += await withinDeadline(connection, makeTicks(connection));
          streak.succeeded();
          if (await isCaptureDue(captures, connection, task.log)) lookAtCaptures(task, captures);
          await sleep(options.tickPeriodMs - (performance.now() - startedAt), signal);
        }
      });
    } catch (error) {
      if (signal.aborted) return;
      pauseMs = streak.failed(error);
    }
    await sleep(pauseMs, signal);
  }
}

/** What the server answers to this must not keep ticks from being made. */
async function isCaptureDue(captures: CaptureWatch, connection: Connection, log: Logger): Promise<boolean> {
  try {
    return await captures.isDue(connection);
  } catch (error) {
    if (sqlstateOf(error) === undefined) throw error;
    log.error({ err: error }, 'Captured tables cannot be looked at');
    return false;
  }
}

/** On a connection of its own: it may wait for a table's lock, and ticks must not. */
function lookAtCaptures(task: DatabaseTask, captures: CaptureWatch): void {
  const { ports, options, signal, log } = task;
  const conninfo = withDatabase(options.serverConninfo, task.database);
  const looking = withConnection(ports.connect, conninfo, 'ticker-tables', signal, (connection) =>
    captures.look(connection),
  );
  looking.catch((error: unknown) => {
    if (signal.aborted) return;
    captures.again();
    log.warn({ err: error }, 'Captured tables cannot be looked at; will be tried again');
  });
}

/** Looks at the database and logs what has changed; waits on the same connection where queues are expected soon. */
async function hasQueues(task: DatabaseTask, connection: Connection): Promise<boolean> {
  const { options, signal } = task;
  while (!signal.aborted) {
    const kind = await lookAtDatabase(connection);
    if (kind !== task.kind) {
      task.kind = kind;
      task.log.info({ kind }, kind === 'queues' ? 'Database has queues' : 'Database has nothing to tick');
    }
    if (kind === 'queues') return true;
    if (!task.isExpected) return false;
    await sleep(Math.min(EXPECTED_CHECK_MS, options.checkPeriodMs), signal);
  }
  return false;
}

/** A loop beside the ticks: one cycle per period, each on a connection of its own. */
async function runPeriodically(
  task: DatabaseTask,
  name: 'maintenance' | 'retry',
  periodMs: number,
  cycle: (connection: Connection) => Promise<void>,
): Promise<void> {
  const { ports, signal } = task;
  const conninfo = withDatabase(task.options.serverConninfo, task.database);
  const streak = new FailureStreak(task.log.child({ loop: name }), 'Cycle failed');
  // The databases of one server do not all begin at the same moment.
  let pauseMs = periodMs * Math.random();
  while (await sleep(pauseMs, signal)) {
    pauseMs = periodMs;
    if (task.kind !== 'queues') continue;
    try {
      await withConnection(ports.connect, conninfo, `ticker-${name}`, signal, cycle);
      streak.succeeded();
    } catch (error) {
      if (signal.aborted) return;
      pauseMs = Math.min(streak.failed(error), periodMs);
    }
  }
}

/** Cuts the connection when the server does not answer: TCP alone would notice it much later. */
async function withinDeadline<T>(connection: Connection, answer: Promise<T>): Promise<T> {
  const timer = setTimeout(() => connection.destroy(), TICK_DEADLINE_MS);
  try {
    return await answer;
  } finally {
    clearTimeout(timer);
  }
}
