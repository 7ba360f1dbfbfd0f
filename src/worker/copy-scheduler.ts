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
import type { CopyDataPorts } from './copy-job.js';
import { copySmallTables, mayBeCopiedTogether, TOGETHER } from './copy-small-tables.js';
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
/** How long the worker waits at the tick of small tables. */
const HOLD_MS = 1_000;

type CopyEntry =
  /** Waits for a lane, or copies. */
  | { readonly kind: 'data' }
  /** The data is there, as of `position`; `isOurs`: since a copy of this session, so that its events since have been seen to pass. */
  | { readonly kind: 'copied'; readonly position: TickId; readonly isOurs?: true }
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
  /** Tables that wait for a lane, in order. */
  #waiting: RegisteredTable[] = [];
  /** Copies of small tables whose ticks the worker is not to pass for a moment: their tables need not catch up then. */
  readonly #holds = new Map<object, { readonly tick: TickId; readonly until: number }>();
  /** How many lanes copy small tables together. */
  #copyingTogether = 0;
  /** Tables that are copied by themselves: with others it did not work. */
  readonly #alone = new Set<string>();
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
    const ready: string[] = [];
    for (const [tableName, entry] of this.#entries) {
      if (entry.kind !== 'copied' || entry.position > ports.state.completedTick) continue;
      if (entry.isOurs && (this.#passed.get(tableName) ?? 0n) <= entry.position) ready.push(tableName);
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

  /** True while the worker, which has come to this tick, should stay there: tables that are being copied as of it are here in a moment. */
  isHeldAt(completedTick: TickId): boolean {
    return [...this.#holds.values()].some(
      ({ tick, until }) => tick <= completedTick && performance.now() < until,
    );
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
      else this.#entries.set(table.tableName, { kind: 'copied', position });
    }
    this.#queueCopies(wanted, ports.state);
  }

  async #readPosition(subscriber: Connection, tableName: string): Promise<TickId | undefined> {
    const { completed_tick } = await subscriber.one<{ completed_tick: bigint | null }>(
      'select completed_tick from pgq_node.get_consumer_state($1, $2)',
      [this.#options.queueName, copyConsumerName(this.#options.consumerName, tableName)],
    );
    return completed_tick === null ? undefined : tickId(completed_tick);
  }

  /** All wait before the first is begun, so that it may find others to go with. */
  #queueCopies(tables: readonly RegisteredTable[], state: WorkerState): void {
    for (const table of tables) this.#entries.set(table.tableName, { kind: 'data' });
    this.#waiting.push(...tables);
    for (const _ of tables) this.#inLane((signal) => this.#copyNext(state, signal));
  }

  /** Copies the table that has waited longest, with others that are small; nothing when all that wait are to go together later. */
  async #copyNext(state: WorkerState, signal: AbortSignal): Promise<void> {
    const together = this.#waiting.filter((table) => this.#mayGoTogether(table)).slice(0, TOGETHER);
    // While small tables are copied more of them may come: the next are to be as many as may go together, or all.
    const mayGo = this.#copyingTogether === 0 || together.length === TOGETHER;
    const first = this.#waiting.find((table) => mayGo || !this.#mayGoTogether(table));
    if (first === undefined) return;
    const chosen = this.#mayGoTogether(first) ? together : [first];
    this.#waiting = this.#waiting.filter((table) => !chosen.includes(table));
    if (chosen.length > 1) {
      this.#copyingTogether++;
      await this.#copyTogether(chosen, state, signal);
      this.#copyingTogether--;
    } else {
      await this.#settle(first.tableName, () => this.#copyOne(first, state, signal));
    }
    if (this.#waiting.length > 0) this.#inLane((laneSignal) => this.#copyNext(state, laneSignal));
  }

  #mayGoTogether(table: RegisteredTable): boolean {
    return !this.#alone.has(table.tableName) && mayBeCopiedTogether(table);
  }

  async #copyTogether(
    tables: readonly RegisteredTable[],
    state: WorkerState,
    signal: AbortSignal,
  ): Promise<void> {
    const started = performance.now();
    const left = new Set(tables.map(({ tableName }) => tableName));
    const again = (names: readonly string[]) =>
      this.#queueCopies(
        tables.filter(({ tableName }) => names.includes(tableName)),
        state,
      );
    const hold = {};
    try {
      const { alone, later } = await this.#braked(state, signal, () =>
        copySmallTables(
          {
            ...this.#copyPorts(state, signal),
            report: (tableName, progress) => this.#progress.report(tableName, progress),
            onTick: (tick) => this.#holds.set(hold, { tick, until: performance.now() + HOLD_MS }),
            onCopied: (copied, tick) => {
              for (const tableName of copied) {
                left.delete(tableName);
                this.#failures.delete(tableName);
                this.#entries.set(tableName, { kind: 'copied', position: tick, isOurs: true });
              }
              this.#holds.delete(hold);
              const ms = Math.round(performance.now() - started);
              this.#log.info({ tables: copied, tick, ms }, 'Small tables copied');
              this.#onChange();
            },
          },
          tables,
        ),
      );
      for (const tableName of alone) this.#alone.add(tableName);
      again([...alone, ...later]);
      for (const tableName of [...alone, ...later]) left.delete(tableName);
      // Removed meanwhile, or in sync by another way.
      for (const tableName of left) this.#entries.delete(tableName);
    } catch (error) {
      const failed = tables.filter(({ tableName }) => left.has(tableName));
      if (signal.aborted || mayPass(error)) {
        for (const { tableName } of failed) await this.#fail(tableName, error);
        return;
      }
      this.#log.info({ err: error, tables: failed.length }, 'Small tables cannot be copied together');
      if (failed.length <= 2) {
        for (const { tableName } of failed) this.#alone.add(tableName);
        again(failed.map(({ tableName }) => tableName));
        return;
      }
      // It may be for one of them only.
      const half = Math.ceil(failed.length / 2);
      await this.#copyTogether(failed.slice(0, half), state, signal);
      await this.#copyTogether(failed.slice(half), state, signal);
    } finally {
      this.#holds.delete(hold);
    }
  }

  async #copyOne(table: RegisteredTable, state: WorkerState, signal: AbortSignal): Promise<TickId> {
    const { tableName } = table;
    const started = performance.now();
    this.#log.info({ table: tableName }, 'Copy started');
    const position = await this.#braked(state, signal, () =>
      copyData(
        {
          ...this.#copyPorts(state, signal),
          report: (progress) => this.#progress.report(tableName, progress),
          reportPhase: (phase) => this.#progress.reportPhase(tableName, phase),
        },
        table,
      ),
    );
    this.#progress.reportPhase(tableName, 'catching-up');
    this.#failures.delete(tableName);
    this.#alone.delete(tableName);
    this.#log.info(
      { table: tableName, tick: position, ms: Math.round(performance.now() - started) },
      'Copy finished',
    );
    return position;
  }

  #copyPorts(state: WorkerState, signal: AbortSignal): Omit<CopyDataPorts, 'report' | 'reportPhase'> {
    return {
      options: this.#options,
      providerNode: state.providerNode,
      providerLocation: state.providerLocation,
      registry: this.#registry,
      completedTick: () => this.#completedTick,
      lanes: this.#lanes,
      throttle: { take: (bytes, taking) => this.#take(bytes, taking) },
      signal,
    };
  }

  async #braked<T>(state: WorkerState, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    const application = `copy-brake/${this.#options.consumerName}`;
    return this.#brake.during(
      () => this.#options.connect(state.providerLocation, { application, signal }),
      body,
    );
  }

  async #take(bytes: number, signal: AbortSignal): Promise<void> {
    await this.#pace?.take(bytes, signal);
    await this.#brake.take(bytes, signal);
  }

  #catchUpBeside(tableName: string, position: TickId, ports: BoundaryPorts): void {
    const { connect, conninfo, consumerName } = this.#options;
    this.#entries.set(tableName, { kind: 'catching-up' });
    this.#inLane((signal) =>
      this.#settle(tableName, async () => {
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
      }),
    );
  }

  /** Runs a task in a lane. A task that is stopped before it begins leaves its tables as they are: nobody asks for them any more. */
  #inLane(task: (signal: AbortSignal) => Promise<void>): void {
    const settle = async () => {
      await this.#lanes.run(task).catch((error: unknown) => {
        if (!this.#options.signal.aborted) this.#log.error({ err: error }, 'A copy ended unexpectedly');
      });
      this.#onChange();
    };
    void settle();
  }

  /** The outcome of `work` for a table is its new position, or nothing when it is parked. Never throws. */
  async #settle(tableName: string, work: () => Promise<TickId | undefined>): Promise<void> {
    const isCopy = this.#entries.get(tableName)?.kind === 'data';
    try {
      const position = await work();
      if (position === undefined) this.#entries.delete(tableName);
      else this.#entries.set(tableName, { kind: 'copied', position, ...(isCopy ? { isOurs: true } : {}) });
    } catch (error) {
      await this.#fail(tableName, error);
    }
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
    if (outcome.tick === ports.state.completedTick) return true;
    this.#entries.set(tableName, { kind: 'copied', position: outcome.tick });
    return false;
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
