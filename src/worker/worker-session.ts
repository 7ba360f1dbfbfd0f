import { setMaxListeners } from 'node:events';
import type { Connection } from '../db/connection.js';
import { checkInstalled } from '../install/check-installed.js';
import { backoffMs } from '../runtime/backoff.js';
import { sleep } from '../runtime/sleep.js';
import { Wake } from '../runtime/wake.js';
import { Backlog } from './backlog.js';
import { BranchQueue } from './branch-queue.js';
import { dropStaleConsumers } from './catch-up.js';
import { CombinedQueue } from './combined-queue.js';
import { copyConsumerName } from './copy-consumer-name.js';
import { CopyScheduler } from './copy-scheduler.js';
import { cutWhenStopped } from './cut-when-stopped.js';
import { describeFailure, policyOf } from './failure.js';
import { followBatch } from './follow-batch.js';
import { noteRight, takeOff } from './keep-off.js';
import { logLeftOut, logParked } from './log-parked.js';
import { openProvider } from './open-provider.js';
import { setReplicaRole } from './open-subscriber.js';
import { type ProcessBatchPorts, processBatch } from './process-batch.js';
import { ProviderLink } from './provider-link.js';
import { PutBackTask } from './put-back-task.js';
import { ResurrectedKeys } from './resurrected-keys.js';
import { RootDuties } from './root-duties.js';
import { SnapshotServer } from './serve-snapshots.js';
import { forgetWrittenAgain, SlowTables } from './slow-tables.js';
import { Statistics } from './statistics.js';
import { TableRegistry } from './table-registry.js';
import { WaitingLook } from './waiting-look.js';
import { lockWorker } from './worker-lock.js';
import type { WorkerOptions } from './worker-options.js';
import { type CombinedNode, readCombinedNode, readWorkerState, type WorkerState } from './worker-state.js';

const TABLES_CHANNEL = 'pgcascade_tables';
const FIRST_PAUSE_MS = 100;
/** How often a worker that stands still for a compare looks whether it may go on. */
const HOLD_POLL_MS = 20;
/** Many tables may change their state one after the other; the provider is asked once for all of them. */
const STALE_CHECK_PAUSE_MS = 2_000;

/**
 * The worker between two losses of a connection: holds the node's lock and goes from batch to batch.
 *
 * Ends by throwing; all it needs to go on is in the databases.
 */
export class WorkerSession implements AsyncDisposable {
  readonly #options: WorkerOptions;
  readonly #subscriber: Connection;
  /** What the session was opened for: a root's has no right to write replicated tables. */
  readonly #nodeType: WorkerState['nodeType'];
  /** False on a subscriber whose role may not set session_replication_role. */
  readonly #isReplica: boolean;
  /** Tables that nothing acts on any more, as far as this session has seen to it. */
  readonly #quiet = new Set<string>();
  /** The role of the node beside a leaf whose queue is merged into that node's; undefined for all others. */
  readonly #combinedType: CombinedNode['nodeType'] | undefined;
  #hasChangedRole = false;
  readonly #wake = new Wake();
  /** Something was changed in this node's database by somebody else. */
  readonly #changed = new Wake();
  readonly #registry: TableRegistry;
  readonly #provider: ProviderLink;
  readonly #copies: CopyScheduler;
  readonly #snapshots: SnapshotServer;
  readonly #backlog: Backlog;
  readonly #rootDuties: RootDuties;
  readonly #resurrectedKeys: ResurrectedKeys;
  readonly #waitingLook: WaitingLook;
  readonly #statistics: Statistics;
  readonly #slowTables: SlowTables;
  readonly #putBack: PutBackTask;
  readonly #ending = new AbortController();
  /** Before this time the provider's copy consumers are not looked at; undefined when there is no reason to. */
  #staleCheckAt: number | undefined = 0;
  #failures = 0;

  private constructor(
    options: WorkerOptions,
    subscriber: Connection,
    nodeType: WorkerState['nodeType'],
    isReplica: boolean,
    combinedType: CombinedNode['nodeType'] | undefined,
  ) {
    this.#nodeType = nodeType;
    this.#isReplica = isReplica;
    this.#combinedType = combinedType;
    const signal = AbortSignal.any([options.signal, this.#ending.signal]);
    // Each session of a copy listens; Node.js would warn of a leak from the eleventh on.
    setMaxListeners(0, signal);
    this.#options = { ...options, signal };
    this.#subscriber = subscriber;
    this.#registry = new TableRegistry(options.queueName, options.handlers, {
      isMerged: combinedType !== undefined,
      conflictPolicy: options.conflictPolicy,
    });
    this.#provider = new ProviderLink(this.#options, this.#wake);
    this.#copies = new CopyScheduler(this.#options, this.#registry, () => {
      this.#staleCheckAt ??= performance.now() + STALE_CHECK_PAUSE_MS;
      this.#wake.call();
    });
    this.#snapshots = new SnapshotServer({
      queueName: options.queueName,
      subscriber,
      openHolder: async () =>
        options.connect(options.conninfo, {
          application: `snapshot/${options.consumerName}`,
          signal: options.signal,
        }),
      log: options.log.child({ component: 'snapshots' }),
    });
    this.#backlog = new Backlog({
      queueName: options.queueName,
      consumerName: options.consumerName,
      isTickAwaited: () => this.#snapshots.isAwaited(),
    });
    this.#rootDuties = new RootDuties(this.#options);
    this.#resurrectedKeys = new ResurrectedKeys(options.queueName);
    this.#waitingLook = new WaitingLook(this.#options, this.#registry);
    this.#slowTables = new SlowTables(options.log);
    this.#putBack = new PutBackTask(this.#options);
    this.#statistics = new Statistics(options.log, options.statisticsPeriodMs);
  }

  /** Connects and takes the node's lock. Throws PC304 when another worker has it. */
  static async open(options: WorkerOptions): Promise<WorkerSession> {
    const { connect, conninfo, queueName, consumerName, signal } = options;
    const subscriber = await connect(conninfo, { application: `worker/${consumerName}`, signal });
    try {
      await checkInstalled(subscriber);
      const { nodeType, completedTick } = await readWorkerState(subscriber, queueName, consumerName);
      // A root writes no replicated tables, and its role need not have the right.
      const isReplica = nodeType === 'root' || (await setReplicaRole(subscriber));
      await lockWorker(subscriber, queueName, consumerName, signal);
      await noteRight(subscriber, queueName, isReplica);
      await forgetWrittenAgain(subscriber, queueName);
      const combinedType = (await readCombinedNode(subscriber, queueName))?.nodeType;
      const session = new WorkerSession(options, subscriber, nodeType, isReplica, combinedType);
      await session.#resurrectedKeys.load(subscriber, completedTick);
      await subscriber.listen(TABLES_CHANNEL, ({ payload }) => {
        if (payload !== queueName) return;
        session.#wake.call();
        session.#changed.call();
      });
      subscriber.onEnd(() => session.#wake.call());
      return session;
    } catch (error) {
      await subscriber.close();
      throw error;
    }
  }

  /**
   * Goes on until the signal is aborted or the node has another role (returns), or something fails for good (throws).
   * An error that may pass is waited out here as long as the node's own connection lives: copies and snapshots then
   * go on meanwhile.
   */
  async run(): Promise<void> {
    const { signal, loopDelayMs } = this.#options;
    cutWhenStopped(signal, this.#subscriber, this.#provider);
    this.#putBack.start();
    while (!signal.aborted && !this.#hasChangedRole) {
      try {
        if (!(await this.#step())) await this.#wake.wait(loopDelayMs, signal);
      } catch (error) {
        if (signal.aborted) throw error;
        if (policyOf(error) !== 'retry') {
          // Whatever failed: that the provider has dropped this node in the middle of a batch says it better.
          await this.#provider.assertRegistered();
          throw error;
        }
        if (!this.#subscriber.isOpen) throw error;
        await this.#waitAfter(error);
      }
      this.#statistics.logWhenDue();
    }
  }

  async #waitAfter(error: unknown): Promise<void> {
    const { queueName, consumerName, exceptionSleepMs, log, signal } = this.#options;
    this.#failures++;
    const pauseMs = backoffMs(this.#failures, { firstMs: FIRST_PAUSE_MS, limitMs: exceptionSleepMs });
    const reason = describeFailure(error);
    log.warn({ err: error, failures: this.#failures, retryInMs: pauseMs }, `Worker interrupted: ${reason}`);
    await this.#provider.close();
    this.#registry.forget();
    await this.#subscriber.query('select ret_code from pgq_node.set_consumer_error($1, $2, $3)', [
      queueName,
      consumerName,
      reason,
    ]);
    // A new provider, say, is a reason to try at once.
    await this.#changed.wait(pauseMs, signal);
  }

  /** Ends copies and snapshots and closes every connection of the session. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending.abort();
    await this.#snapshots.close();
    await this.#copies.close();
    await this.#provider.close();
    await this.#putBack.ended();
    await this.#subscriber.close();
  }

  /** One look: returns true when there was something to do and there may be more. */
  async #step(): Promise<boolean> {
    const { queueName, consumerName } = this.#options;
    const state = await readWorkerState(this.#subscriber, queueName, consumerName);
    if (state.nodeType !== this.#nodeType) {
      this.#hasChangedRole = true;
      return true;
    }
    await this.#acknowledge(state);
    if (state.paused) return false;
    if (await this.#registry.refresh(this.#subscriber, state.registryVersion)) {
      // What a branch is to hand on is for the handler to say.
      if (state.nodeType === 'branch') this.#registry.requireHandlers();
      this.#staleCheckAt ??= performance.now() + STALE_CHECK_PAUSE_MS;
      if (this.#copies.isIdle) this.#putBack.start();
      if (!this.#isReplica) await this.#takeOff();
    }
    if (this.#copies.isIdle) this.#putBack.startWhenDue();
    if (state.nodeType === 'root') {
      await this.#rootDuties.run(this.#subscriber);
      this.#failures = 0;
      return false;
    }
    const combined =
      this.#combinedType === undefined ? undefined : await readCombinedNode(this.#subscriber, queueName);
    if (combined?.nodeType !== this.#combinedType) {
      // The copies that run are of no use to a leaf that only follows, nor what is known of them when it merges again.
      this.#hasChangedRole = true;
      return true;
    }
    const provider = await this.#provider.connection(state, combined === undefined);
    if (combined?.nodeType === 'branch') {
      // Its tables come by the combined queue, whose worker moves this one's position too.
      await this.#dropStaleConsumers(provider);
      await this.#provider.publishWatermark(provider, this.#subscriber, state);
      return this.#carryBatch(provider, state, combined);
    }
    if (await this.#waitingLook.look(provider, this.#subscriber, state)) return true;
    if ((await this.#copies.atBoundary({ provider, subscriber: this.#subscriber, state })) > 0) {
      this.#putBack.start();
      return true;
    }
    await this.#dropStaleConsumers(provider);
    const mayGoOn = await this.#snapshots.serve(state.completedTick);
    if (!mayGoOn || this.#copies.isHeldAt(state.completedTick)) {
      await sleep(HOLD_POLL_MS, this.#options.signal);
      return true;
    }
    await this.#provider.publishWatermark(provider, this.#subscriber, state);
    return this.#carryBatch(provider, state, combined);
  }

  /** Takes off what would act on the rows that the worker writes. What comes later is noticed at the end of the batch that it acts in. */
  async #takeOff(): Promise<void> {
    for (const tableName of this.#quiet) {
      if (this.#registry.find(tableName)?.local !== true) this.#quiet.delete(tableName);
    }
    const unknown = [...this.#registry.tables]
      .filter(({ local, tableName }) => local && !this.#quiet.has(tableName))
      .map(({ tableName }) => tableName);
    if (unknown.length === 0) return;
    const { queueName, log } = this.#options;
    await takeOff(this.#subscriber, queueName, unknown, log);
    for (const tableName of unknown) this.#quiet.add(tableName);
  }

  async #carryBatch(
    provider: Connection,
    state: WorkerState,
    combined: CombinedNode | undefined,
  ): Promise<boolean> {
    const { consumerName, maxBlockRows, maxBlockBytes, bulkRows, signal, log } = this.#options;
    const batch = await this.#backlog.next(provider, {
      completedTick: state.completedTick,
      mayJoin: this.#mayJoinTicks(combined),
    });
    if (batch === undefined) {
      this.#failures = 0;
      return false;
    }
    const reading = { maxBlockRows, maxBlockBytes };
    if (combined !== undefined && batch.endTick <= state.completedTick) {
      await followBatch({ provider, subscriber: this.#subscriber, consumerName, reading, signal }, batch);
      this.#failures = 0;
      return true;
    }
    if (combined?.nodeType === 'branch') {
      this.#failures = 0;
      return false;
    }
    await this.#registry.prepareHandlers(provider);
    const started = performance.now();
    const outcome = await processBatch(
      {
        provider,
        openProvider: () => this.#openProvider(state),
        subscriber: this.#subscriber,
        consumerName,
        registry: this.#registry,
        reading,
        bulkRows,
        isApplied: (tableName) => this.#registry.isApplied(tableName),
        notePassed: (tableName) => this.#copies.notePassed(tableName, batch.endTick),
        controlEvents: true,
        isLeftOut: (event) => this.#resurrectedKeys.has(event, batch.endTick),
        openQueue: this.#queueToFill(combined),
        waits: this.#resurrectedKeys.isEmpty
          ? {
              consumerOf: (tableName) => copyConsumerName(consumerName, tableName),
              providerNode: state.providerNode,
            }
          : undefined,
        log,
        signal,
      },
      batch,
    );
    if (outcome === undefined) {
      this.#backlog.goOneByOne(batch.endTick);
      return true;
    }
    await this.#resurrectedKeys.forgetUpTo(this.#subscriber, batch.endTick);
    // Only a batch that went through ends a row of failures.
    this.#failures = 0;
    const ms = performance.now() - started;
    this.#statistics.count(outcome.eventCount, ms);
    log.debug({ tick: batch.endTick, events: outcome.eventCount, ms: Math.round(ms) }, 'Batch applied');
    for (const { name, kind, changes, problems } of outcome.scripts) {
      log.info(
        { script: name, outcome: kind, changes: changes.length, tick: batch.endTick },
        'Script applied',
      );
      for (const problem of problems) log.warn({ script: name, problem }, 'Script ran without a foreign key');
    }
    for (const conflict of outcome.conflicts) logParked(log, 'parked', conflict);
    for (const conflict of outcome.waiting) logParked(log, 'waiting', conflict);
    for (const leftOut of outcome.leftOut) logLeftOut(log, leftOut);
    for (const again of outcome.writtenAgain) this.#slowTables.note(again);
    return true;
  }

  /**
   * Whether several ticks may become one batch, one transaction here: never on a branch, whose queue has the ticks of the
   * root, nor while something (a copy, a table that waits, keys of a dead root) depends on where one of them is.
   */
  #mayJoinTicks(combined: CombinedNode | undefined): boolean {
    return (
      this.#nodeType === 'leaf' &&
      combined === undefined &&
      this.#copies.isIdle &&
      this.#registry.waiting.length === 0 &&
      this.#resurrectedKeys.isEmpty
    );
  }

  /** A session on the provider beside the worker's own. */
  #openProvider({ providerLocation }: WorkerState): Promise<Connection> {
    const { consumerName, signal } = this.#options;
    return openProvider(this.#options, providerLocation, {
      application: `large-rows/${consumerName}`,
      signal,
    });
  }

  #queueToFill(combined: CombinedNode | undefined): ProcessBatchPorts['openQueue'] {
    if (this.#nodeType === 'branch') return BranchQueue.open;
    if (combined === undefined) return undefined;
    const isLocal = (tableName: string) => this.#registry.find(tableName)?.local === true;
    return (tx, batch) => CombinedQueue.open(tx, batch, combined.queueName, isLocal);
  }

  /** Tells a waiting admin command that its change has been seen, and takes back an error that is over. */
  async #acknowledge(state: WorkerState): Promise<void> {
    const { queueName, consumerName } = this.#options;
    if (!state.uptodate) {
      // Only what has been seen is acknowledged: the change may be a second one.
      await this.#subscriber.query(
        `select pgq_node.set_consumer_uptodate($1, $2, true) from pgq_node.local_state
          where queue_name = $1 and consumer_name = $2 and provider_node = $3 and paused = $4`,
        [queueName, consumerName, state.providerNode, state.paused],
      );
    }
    if (state.currentError !== null && this.#failures === 0) {
      await this.#subscriber.query('select ret_code from pgq_node.set_consumer_error($1, $2, null)', [
        queueName,
        consumerName,
      ]);
    }
  }

  async #dropStaleConsumers(provider: Connection): Promise<void> {
    if (this.#staleCheckAt === undefined || performance.now() < this.#staleCheckAt) return;
    await dropStaleConsumers({ options: this.#options, provider, registry: this.#registry }, (tableName) =>
      this.#copies.isBusy(tableName),
    );
    this.#staleCheckAt = undefined;
  }
}
