import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';
import { backoffMs } from '../runtime/backoff.js';
import { Lanes } from '../runtime/lanes.js';
import type { Logger } from '../runtime/log.js';
import { Pace } from '../runtime/pace.js';
import { type CatchUpOutcome, type CatchUpPorts, catchUp, handOver } from './catch-up.js';
import { CopyBrake } from './copy-brake.js';
import { copyConsumerName } from './copy-consumer-name.js';
import { copyData } from './copy-data.js';
import { describeFailure, policyOf } from './failure.js';
import { logParked } from './log-parked.js';
import { openSubscriber } from './open-subscriber.js';
import { ProgressWriter } from './progress-writer.js';
import type { RegisteredTable, TableRegistry } from './table-registry.js';
import { setTableState } from './table-state.js';
import type { WorkerOptions } from './worker-options.js';
import type { WorkerState } from './worker-state.js';

/** A table that is further behind than this catches up beside the worker, not while it waits. */
const HAND_OVER_TICKS = 3n;

type CopyEntry =
  /** Waits for a lane, or copies. */
  | { readonly kind: 'data' }
  /** The data is there, as of `position`. */
  | { readonly kind: 'copied'; readonly position: TickId }
  /** Applies what came after the copy, beside the worker. */
  | { readonly kind: 'catching-up' }
  | { readonly kind: 'failed'; readonly failures: number; readonly notBefore: number };

export interface BoundaryPorts {
  readonly provider: Connection;
  readonly subscriber: Connection;
  readonly state: WorkerState;
}

/**
 * The copies of one worker: begins them, keeps their place, and makes a table the worker's own at a batch boundary.
 *
 * Everything it knows is in the database too (table state, position of the copy's consumer), so that a new worker
 * goes on from there. The worker waits for at most a few small batches of a table that is handed over.
 */
export class CopyScheduler {
  readonly #options: WorkerOptions;
  readonly #registry: TableRegistry;
  readonly #log: Logger;
  readonly #lanes: Lanes;
  readonly #pace: Pace | undefined;
  readonly #brake: CopyBrake;
  readonly #progress: ProgressWriter;
  readonly #entries = new Map<string, CopyEntry>();
  readonly #failures = new Map<string, number>();
  readonly #onChange: () => void;
  #completedTick = tickId(0n);
  /** A table beside the worker cannot take an event, and is to stop it then. */
  #stopping: ReplicateError | undefined;

  constructor(options: WorkerOptions, registry: TableRegistry, onChange: () => void) {
    this.#options = options;
    this.#registry = registry;
    this.#log = options.log.child({ component: 'copy' });
    this.#lanes = new Lanes(options.parallelCopies, options.signal);
    this.#pace = options.copyBytesPerSecond > 0 ? new Pace(options.copyBytesPerSecond) : undefined;
    this.#brake = new CopyBrake(
      { lagMs: options.copyLagLimitMs, latencyMs: options.copyLatencyLimitMs },
      this.#log,
    );
    this.#onChange = onChange;
    const open = () =>
      options.connect(options.conninfo, {
        application: `progress/${options.consumerName}`,
        signal: options.signal,
      });
    this.#progress = new ProgressWriter(options.queueName, open, this.#log);
  }

  /**
   * Called between two batches, with the worker's own connections and a fresh registry. Returns how many tables were
   * handed over: the registry must be read again before the next batch. Throws PC412.
   */
  async atBoundary(ports: BoundaryPorts): Promise<number> {
    if (this.#stopping !== undefined) throw this.#stopping;
    this.#completedTick = ports.state.completedTick;
    await this.#reconcile(ports);
    let count = 0;
    for (const [tableName, entry] of this.#entries) {
      if (entry.kind !== 'copied' || entry.position > ports.state.completedTick) continue;
      if (ports.state.completedTick - entry.position > HAND_OVER_TICKS)
        this.#catchUpBeside(tableName, entry.position, ports);
      else if (await this.#finish(tableName, entry.position, ports)) count++;
    }
    return count;
  }

  /** True while a task of the table runs or waits for a lane. */
  isBusy(tableName: string): boolean {
    const kind = this.#entries.get(tableName)?.kind;
    return kind === 'data' || kind === 'catching-up';
  }

  /** True when no table is on its way to be in sync. */
  get isIdle(): boolean {
    return this.#entries.size === 0;
  }

  /** Waits for the end of the copies, which the worker's signal has cut, and writes the last progress. */
  async close(): Promise<void> {
    await this.#lanes.idle();
    await this.#progress.close();
  }

  /** Brings what is held and what the registry says together. */
  async #reconcile(ports: BoundaryPorts): Promise<void> {
    for (const [tableName, entry] of this.#entries) {
      const table = this.#registry.find(tableName);
      const isGone = table?.local !== true || table.errorCode !== null;
      const isReset = entry.kind === 'copied' && table?.mergeState === null;
      const isDue = entry.kind === 'failed' && entry.notBefore <= Date.now();
      if (entry.kind !== 'data' && entry.kind !== 'catching-up' && (isGone || isReset || isDue)) {
        this.#entries.delete(tableName);
      }
    }
    for (const table of this.#registry.tables) {
      if (!table.local || table.errorCode !== null || table.mergeState === 'ok') continue;
      if (this.#entries.has(table.tableName)) continue;
      const { handler } = table;
      if (!(handler instanceof ReplicateError) && (handler.needsNoCopy ?? handler.needsNoTable) === true) {
        await setTableState(ports.subscriber, this.#options.queueName, table.tableName, 'ok');
        continue;
      }
      const position = isCopied(table)
        ? await this.#readPosition(ports.subscriber, table.tableName)
        : undefined;
      if (position === undefined) this.#copyBeside(table, ports.state);
      else this.#entries.set(table.tableName, { kind: 'copied', position });
    }
  }

  async #readPosition(subscriber: Connection, tableName: string): Promise<TickId | undefined> {
    const { completed_tick } = await subscriber.one<{ completed_tick: bigint | null }>(
      'select completed_tick from pgq_node.get_consumer_state($1, $2)',
      [this.#options.queueName, copyConsumerName(this.#options.consumerName, tableName)],
    );
    return completed_tick === null ? undefined : tickId(completed_tick);
  }

  #copyBeside(table: RegisteredTable, state: WorkerState): void {
    const { tableName } = table;
    this.#beside(tableName, { kind: 'data' }, async (signal) => {
      const started = performance.now();
      this.#log.info({ table: tableName }, 'Copy started');
      const look = () =>
        this.#options.connect(state.providerLocation, {
          application: `copy-brake/${this.#options.consumerName}`,
          signal,
        });
      const position = await this.#brake.during(look, () =>
        copyData(
          {
            options: this.#options,
            providerNode: state.providerNode,
            providerLocation: state.providerLocation,
            registry: this.#registry,
            completedTick: () => this.#completedTick,
            lanes: this.#lanes,
            throttle: { take: (bytes, taking) => this.#take(bytes, taking) },
            report: (progress) => this.#progress.report(tableName, progress),
            reportPhase: (phase) => this.#progress.reportPhase(tableName, phase),
            signal,
          },
          table,
        ),
      );
      this.#progress.reportPhase(tableName, 'catching-up');
      this.#failures.delete(tableName);
      this.#log.info(
        { table: tableName, tick: position, ms: Math.round(performance.now() - started) },
        'Copy finished',
      );
      return position;
    });
  }

  async #take(bytes: number, signal: AbortSignal): Promise<void> {
    await this.#pace?.take(bytes, signal);
    await this.#brake.take(bytes, signal);
  }

  #catchUpBeside(tableName: string, position: TickId, ports: BoundaryPorts): void {
    const { connect, conninfo, consumerName } = this.#options;
    this.#beside(tableName, { kind: 'catching-up' }, async (signal) => {
      const application = `catch-up/${consumerName}`;
      await using provider = await connect(ports.state.providerLocation, { application, signal });
      await using subscriber = await openSubscriber(connect, conninfo, application, signal);
      const outcome = await catchUp(
        this.#ports({ provider, subscriber, state: ports.state }),
        tableName,
        position,
        () => this.#completedTick,
      );
      if (outcome.kind === 'reached') return outcome.tick;
      logParked(this.#log, outcome.kind, outcome.conflict);
      return undefined;
    });
  }

  /** Runs a task for a table in a lane. The task's outcome is the table's new position, or nothing when it is parked. */
  #beside(
    tableName: string,
    entry: CopyEntry,
    task: (signal: AbortSignal) => Promise<TickId | undefined>,
  ): void {
    this.#entries.set(tableName, entry);
    const settle = async () => {
      try {
        const position = await this.#lanes.run(task);
        if (position === undefined) this.#entries.delete(tableName);
        else this.#entries.set(tableName, { kind: 'copied', position });
      } catch (error) {
        await this.#fail(tableName, error);
      }
      this.#onChange();
    };
    void settle();
  }

  async #finish(tableName: string, position: TickId, ports: BoundaryPorts): Promise<boolean> {
    const catching = this.#ports(ports);
    let outcome: CatchUpOutcome;
    try {
      outcome = await catchUp(catching, tableName, position, () => ports.state.completedTick);
    } catch (error) {
      // Only this table has lost events: the copy's consumer was dropped.
      if (!(error instanceof ReplicateError) || error.code !== 'PC606') throw error;
      await this.#fail(tableName, error);
      return false;
    }
    if (outcome.kind !== 'reached') {
      logParked(this.#log, outcome.kind, outcome.conflict);
      this.#entries.delete(tableName);
      return false;
    }
    if (outcome.tick !== ports.state.completedTick) {
      this.#entries.set(tableName, { kind: 'copied', position: outcome.tick });
      return false;
    }
    const isHandedOver = await handOver(catching, tableName);
    this.#entries.delete(tableName);
    if (!isHandedOver) return false;
    this.#progress.reportPhase(tableName, 'done');
    this.#log.info({ table: tableName, tick: outcome.tick }, 'Table in sync');
    return true;
  }

  #ports({ provider, subscriber, state }: BoundaryPorts): CatchUpPorts {
    return {
      options: this.#options,
      provider,
      providerLocation: state.providerLocation,
      subscriber,
      registry: this.#registry,
      signal: this.#options.signal,
    };
  }

  /** Never throws: it is the end of a task that nobody waits for. */
  async #fail(tableName: string, error: unknown): Promise<void> {
    const isRemoved = error instanceof ReplicateError && error.code === 'PC400';
    if (error instanceof ReplicateError && error.code === 'PC412') {
      // The worker throws it at its next look.
      this.#stopping = error;
      return;
    }
    if (this.#options.signal.aborted || isRemoved) {
      this.#entries.delete(tableName);
      return;
    }
    const failures = (this.#failures.get(tableName) ?? 0) + 1;
    this.#failures.set(tableName, failures);
    const delay = backoffMs(failures, { firstMs: 200, limitMs: this.#options.exceptionSleepMs });
    this.#entries.set(tableName, { kind: 'failed', failures, notBefore: Date.now() + delay });
    this.#progress.reportPhase(tableName, 'failed');
    if (mayPass(error)) {
      this.#log.warn({ err: error, table: tableName, retryInMs: delay }, 'Copy failed, will be tried again');
      return;
    }
    this.#log.error({ err: error, table: tableName }, 'Copy failed, the table is parked');
    try {
      const { connect, conninfo, consumerName, queueName } = this.#options;
      await using subscriber = await connect(conninfo, { application: `park/${consumerName}` });
      await subscriber.query('select pgcascade.park_table($1, $2, $3, null, $4, $5)', [
        queueName,
        tableName,
        this.#completedTick,
        error instanceof ReplicateError && ['PC410', 'PC606'].includes(error.code) ? error.code : 'PC502',
        describeFailure(error),
      ]);
    } catch (parkError) {
      // The copy is then tried again after the pause, and fails and parks again.
      this.#log.error({ err: parkError, table: tableName }, 'Table cannot be parked');
    }
  }
}

/** What a command would end with may pass for a copy: a slow network, a password that is being changed. */
function mayPass(error: unknown): boolean {
  if (policyOf(error) === 'retry') return true;
  return error instanceof ReplicateError && ['PC201', 'PC202', 'PC500'].includes(error.code);
}

/** True when the data is there and only events are missing. */
function isCopied(table: RegisteredTable): boolean {
  const state = table.mergeState ?? '';
  return state === 'catching-up' || state.startsWith('wanna-sync:') || state.startsWith('do-sync:');
}
