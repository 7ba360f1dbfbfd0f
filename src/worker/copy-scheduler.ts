import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { type TickId, tickId } from '../queue/ids.js';
import { backoffMs } from '../runtime/backoff.js';
import { Lanes } from '../runtime/lanes.js';
import type { Logger } from '../runtime/log.js';
import { type CatchUpOutcome, type CatchUpPorts, catchUp, handOver } from './catch-up.js';
import { copyConsumerName } from './copy-consumer-name.js';
import { CopyQueue } from './copy-queue.js';
import { describeFailure, mayPass } from './failure.js';
import { logParked } from './log-parked.js';
import { openProvider } from './open-provider.js';
import { openSubscriber } from './open-subscriber.js';
import { ProgressWriter } from './progress-writer.js';
import type { RegisteredTable, TableRegistry } from './table-registry.js';
import { setTableState } from './table-state.js';
import type { WorkerOptions } from './worker-options.js';
import type { WorkerState } from './worker-state.js';

/** A table that is further behind than this catches up beside the worker, not while it waits. */
const HAND_OVER_TICKS = 3n;

type CopyEntry =
  /** Waits for a lane, or copies; since the worker was at `wantedAt` none of the table's events has been applied. */
  | { readonly kind: 'data'; readonly wantedAt: TickId }
  /** The data is there, as of `position`; `isWatched`: all events since have been seen to pass by this session. */
  | { readonly kind: 'copied'; readonly position: TickId; readonly isWatched: boolean }
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
  readonly #progress: ProgressWriter;
  readonly #entries = new Map<string, CopyEntry>();
  readonly #failures = new Map<string, number>();
  readonly #copies: CopyQueue;
  /** The end of the last batch of the worker with an event of a table that is not its own yet. */
  readonly #passed = new Map<string, TickId>();
  readonly #onChange: () => void;
  #completedTick = tickId(0n);
  /** A table beside the worker cannot take an event, and is to stop it then. */
  #stopping: ReplicateError | undefined;

  constructor(options: WorkerOptions, registry: TableRegistry, onChange: () => void) {
    this.#options = options;
    this.#registry = registry;
    this.#log = options.log.child({ component: 'copy' });
    this.#lanes = new Lanes(options.parallelCopies, options.signal);
    this.#onChange = onChange;
    const open = () =>
      options.connect(options.conninfo, {
        application: `progress/${options.consumerName}`,
        signal: options.signal,
      });
    this.#progress = new ProgressWriter(options.queueName, open, this.#log);
    this.#copies = new CopyQueue({
      options,
      registry,
      log: this.#log,
      lanes: this.#lanes,
      completedTick: () => this.#completedTick,
      report: (tableName, progress) => this.#progress.report(tableName, progress),
      reportPhase: (tableName, phase) => this.#progress.reportPhase(tableName, phase),
      onCopied: (tableNames, position) => {
        for (const tableName of tableNames) {
          this.#failures.delete(tableName);
          const entry = this.#entries.get(tableName);
          const isWatched = entry?.kind === 'data' && position >= entry.wantedAt;
          this.#entries.set(tableName, { kind: 'copied', position, isWatched });
        }
      },
      onGone: (tableName) => this.#entries.delete(tableName),
      onFailed: (tableName, error) => this.#fail(tableName, error),
      onChange,
    });
  }

  /**
   * Called between two batches, with the worker's own connections and a fresh registry. Returns how many tables were
   * handed over: the registry must be read again before the next batch. Throws PC412.
   */
  async atBoundary(ports: BoundaryPorts): Promise<number> {
    if (this.#stopping !== undefined) throw this.#stopping;
    this.#completedTick = ports.state.completedTick;
    await this.#reconcile(ports);
    const ready: string[] = [];
    for (const [tableName, entry] of this.#entries) {
      if (entry.kind !== 'copied' || entry.position > ports.state.completedTick) continue;
      if (entry.isWatched && (this.#passed.get(tableName) ?? 0n) <= entry.position) ready.push(tableName);
      else if (ports.state.completedTick - entry.position > HAND_OVER_TICKS)
        this.#catchUpBeside(tableName, entry.position, ports);
      else if (await this.#catchUp(tableName, entry.position, ports)) ready.push(tableName);
    }
    return ready.length === 0 ? 0 : this.#handOver(ready, ports);
  }

  /** To be told of events of tables that are not the worker's own yet, in a batch with that end. */
  notePassed(tableName: string, endTick: TickId): void {
    this.#passed.set(tableName, endTick);
  }

  /** True while the worker, which has come to this tick, should wait there for a moment. */
  isHeldAt(completedTick: TickId): boolean {
    return this.#copies.isHeldAt(completedTick);
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
      // Handed over, and the provider was lost before that was noted.
      const isOk = table?.mergeState === 'ok';
      const isReset = entry.kind === 'copied' && (table?.mergeState === null || isOk);
      const isDue = entry.kind === 'failed' && entry.notBefore <= performance.now();
      if (entry.kind !== 'data' && entry.kind !== 'catching-up' && (isGone || isReset || isDue)) {
        this.#entries.delete(tableName);
      }
    }
    const wanted: RegisteredTable[] = [];
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
      if (position === undefined) wanted.push(table);
      else this.#entries.set(table.tableName, { kind: 'copied', position, isWatched: false });
    }
    const wantedAt = ports.state.completedTick;
    for (const { tableName } of wanted) this.#entries.set(tableName, { kind: 'data', wantedAt });
    this.#copies.setState(ports.state);
    this.#copies.add(wanted);
  }

  async #readPosition(subscriber: Connection, tableName: string): Promise<TickId | undefined> {
    const { completed_tick } = await subscriber.one<{ completed_tick: bigint | null }>(
      'select completed_tick from pgq_node.get_consumer_state($1, $2)',
      [this.#options.queueName, copyConsumerName(this.#options.consumerName, tableName)],
    );
    return completed_tick === null ? undefined : tickId(completed_tick);
  }

  #catchUpBeside(tableName: string, from: TickId, ports: BoundaryPorts): void {
    const { connect, conninfo, consumerName } = this.#options;
    this.#entries.set(tableName, { kind: 'catching-up' });
    const settle = async () => {
      try {
        const position = await this.#lanes.run(async (signal) => {
          const application = `catch-up/${consumerName}`;
          await using provider = await openProvider(this.#options, ports.state.providerLocation, {
            application,
            signal,
          });
          await using subscriber = await openSubscriber(connect, conninfo, application, signal);
          const catching = this.#ports({ provider, subscriber, state: ports.state });
          const outcome = await catchUp(catching, tableName, from, () => this.#completedTick);
          if (outcome.kind === 'reached') return outcome.tick;
          logParked(this.#log, outcome.kind, outcome.conflict);
          return undefined;
        });
        if (position === undefined) this.#entries.delete(tableName);
        else this.#entries.set(tableName, { kind: 'copied', position, isWatched: false });
      } catch (error) {
        await this.#fail(tableName, error);
      }
      this.#onChange();
    };
    void settle();
  }

  /** True when the table stands where the worker is. */
  async #catchUp(tableName: string, position: TickId, ports: BoundaryPorts): Promise<boolean> {
    let outcome: CatchUpOutcome;
    try {
      outcome = await catchUp(this.#ports(ports), tableName, position, () => ports.state.completedTick);
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
    this.#entries.set(tableName, { kind: 'copied', position: outcome.tick, isWatched: false });
    return outcome.tick === ports.state.completedTick;
  }

  /** Returns how many of the tables are the worker's own now. */
  async #handOver(tableNames: readonly string[], ports: BoundaryPorts): Promise<number> {
    const handedOver = await handOver({ options: this.#options, ...ports }, tableNames);
    for (const tableName of tableNames) {
      this.#entries.delete(tableName);
      this.#passed.delete(tableName);
    }
    for (const tableName of handedOver) {
      this.#progress.reportPhase(tableName, 'done');
      this.#log.info({ table: tableName, tick: ports.state.completedTick }, 'Table in sync');
    }
    return handedOver.length;
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
    this.#entries.set(tableName, { kind: 'failed', failures, notBefore: performance.now() + delay });
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

/** True when the data is there and only events are missing. */
function isCopied(table: RegisteredTable): boolean {
  const state = table.mergeState ?? '';
  return state === 'catching-up' || state.startsWith('wanna-sync:') || state.startsWith('do-sync:');
}
