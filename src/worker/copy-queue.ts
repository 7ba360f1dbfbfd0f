import type { CopyProgress } from '../copy/copy-table.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TickId } from '../queue/ids.js';
import type { Lanes } from '../runtime/lanes.js';
import type { Logger } from '../runtime/log.js';
import { Pace } from '../runtime/pace.js';
import { CopyBrake } from './copy-brake.js';
import { copyData } from './copy-data.js';
import type { CopyDataPorts } from './copy-job.js';
import { copySmallTables, mayBeCopiedTogether, TOGETHER } from './copy-small-tables.js';
import { mayPass } from './failure.js';
import { openProvider } from './open-provider.js';
import type { RegisteredTable, TableRegistry } from './table-registry.js';
import type { WorkerOptions } from './worker-options.js';
import type { WorkerState } from './worker-state.js';

/** How long the worker waits at the tick of small tables. */
const HOLD_MS = 1_000;

export interface CopyQueuePorts {
  readonly options: WorkerOptions;
  readonly registry: TableRegistry;
  readonly log: Logger;
  readonly lanes: Lanes;
  /** Where the worker is. */
  readonly completedTick: () => TickId;
  readonly report: (tableName: string, progress: CopyProgress) => void;
  readonly reportPhase: (tableName: string, phase: CopyProgress['phase']) => void;
  /** The tables are here as of this tick. */
  readonly onCopied: (tableNames: readonly string[], tick: TickId) => void;
  /** The table waits for no copy any more: it was removed, or is in sync by another way. */
  readonly onGone: (tableName: string) => void;
  readonly onFailed: (tableName: string, error: unknown) => Promise<void>;
  /** A lane is free again. */
  readonly onChange: () => void;
}

/** The tables that wait for their rows, and the copies that bring these: each by itself, and small ones together. */
export class CopyQueue {
  readonly #ports: CopyQueuePorts;
  readonly #pace: Pace | undefined;
  readonly #brake: CopyBrake;
  #state: WorkerState | undefined;
  /** In order. */
  #waiting: RegisteredTable[] = [];
  /** Tables that are copied by themselves: with others it did not work. */
  readonly #alone = new Set<string>();
  /** How many lanes copy small tables together. */
  #copyingTogether = 0;
  readonly #holds = new Map<object, { readonly tick: TickId; readonly until: number }>();

  constructor(ports: CopyQueuePorts) {
    const { copyBytesPerSecond, copyLagLimitMs, copyLatencyLimitMs } = ports.options;
    this.#ports = ports;
    this.#pace = copyBytesPerSecond > 0 ? new Pace(copyBytesPerSecond) : undefined;
    this.#brake = new CopyBrake({ lagMs: copyLagLimitMs, latencyMs: copyLatencyLimitMs }, ports.log);
  }

  /** Has tables copied as soon as there are lanes. All wait before the first is begun, so that it may find others to go with. */
  add(tables: readonly RegisteredTable[]): void {
    this.#waiting.push(...tables);
    for (const _ of tables) this.#begin();
  }

  /** To be told whenever it may have changed: which provider a copy reads is decided when it begins. */
  setState(state: WorkerState): void {
    this.#state = state;
  }

  /**
   * True while the worker, which has come to this tick, should stay there: small tables that are being copied as of it are here in a
   * moment, and need not catch up then.
   */
  isHeldAt(completedTick: TickId): boolean {
    return [...this.#holds.values()].some(
      ({ tick, until }) => tick <= completedTick && performance.now() < until,
    );
  }

  #begin(): void {
    const { lanes, log, options, onChange } = this.#ports;
    const settle = async () => {
      await lanes
        .run((signal) => this.#copyNext(signal))
        .catch((error: unknown) => {
          // A copy that is stopped before it begins leaves its tables as they are: nobody asks for them any more.
          if (!options.signal.aborted) log.error({ err: error }, 'A copy ended unexpectedly');
        });
      onChange();
    };
    void settle();
  }

  /** Copies the table that has waited longest, with others that are small; nothing when all that wait are to go together later. */
  async #copyNext(signal: AbortSignal): Promise<void> {
    const state = this.#state;
    if (state === undefined) throw new RangeError('Nobody has said where to copy from.');
    // What has been said of them while they waited.
    this.#waiting = this.#waiting.map((table) => this.#ports.registry.find(table.tableName) ?? table);
    const together = this.#waiting.filter((table) => this.#mayGoTogether(table)).slice(0, TOGETHER);
    // While small tables are copied more of them may come: the next are to be as many as may go together, or all.
    const mayGo = this.#copyingTogether === 0 || together.length === TOGETHER;
    const first = this.#waiting.find((table) => mayGo || !this.#mayGoTogether(table));
    if (first === undefined) return;
    const chosen = this.#mayGoTogether(first) ? together : [first];
    this.#waiting = this.#waiting.filter((table) => !chosen.includes(table));
    if (chosen.length === 1) {
      await this.#copyOne(first, state, signal);
    } else {
      this.#copyingTogether++;
      try {
        await this.#copyTogether(chosen, state, signal);
      } finally {
        this.#copyingTogether--;
      }
    }
    if (this.#waiting.length > 0) this.#begin();
  }

  #mayGoTogether(table: RegisteredTable): boolean {
    return !this.#alone.has(table.tableName) && mayBeCopiedTogether(table);
  }

  async #copyOne(table: RegisteredTable, state: WorkerState, signal: AbortSignal): Promise<void> {
    const { tableName } = table;
    const { log, report, reportPhase, onCopied, onFailed } = this.#ports;
    const started = performance.now();
    log.info({ table: tableName }, 'Copy started');
    try {
      const tick = await this.#braked(state, signal, () =>
        copyData(
          {
            ...this.#copyPorts(state, signal),
            report: (progress) => report(tableName, progress),
            reportPhase: (phase) => reportPhase(tableName, phase),
          },
          table,
        ),
      );
      reportPhase(tableName, 'catching-up');
      this.#alone.delete(tableName);
      const ms = Math.round(performance.now() - started);
      log.info({ table: tableName, tick, ms }, 'Copy finished');
      onCopied([tableName], tick);
    } catch (error) {
      await onFailed(tableName, error);
    }
  }

  async #copyTogether(
    tables: readonly RegisteredTable[],
    state: WorkerState,
    signal: AbortSignal,
  ): Promise<void> {
    const { log, report, onCopied, onGone, onFailed, onChange } = this.#ports;
    const started = performance.now();
    const left = new Map(tables.map((table) => [table.tableName, table]));
    const again = (names: readonly string[]) => {
      const wanted = names.flatMap((name) => left.get(name) ?? []);
      for (const name of names) left.delete(name);
      this.add(wanted);
    };
    const hold = {};
    try {
      const { failed, alone, later } = await this.#braked(state, signal, () =>
        copySmallTables(
          {
            ...this.#copyPorts(state, signal),
            report,
            onChosen: (chosen) => {
              for (const table of chosen) log.info({ table, together: chosen.length }, 'Copy started');
            },
            onTick: (tick) => this.#holds.set(hold, { tick, until: performance.now() + HOLD_MS }),
            onCopied: (copied, tick) => {
              for (const tableName of copied) left.delete(tableName);
              this.#holds.delete(hold);
              const ms = Math.round(performance.now() - started);
              for (const table of copied)
                log.info({ table, tick, ms, together: copied.length }, 'Copy finished');
              onCopied(copied, tick);
              onChange();
            },
          },
          tables,
        ),
      );
      for (const tableName of alone) this.#alone.add(tableName);
      again([...alone, ...later]);
      for (const [tableName, why] of failed) {
        left.delete(tableName);
        await onFailed(tableName, why);
      }
      for (const tableName of left.keys()) onGone(tableName);
    } catch (error) {
      const failed = [...left.values()];
      if (signal.aborted || (mayPass(error) && !isOfOneTable(error))) {
        for (const { tableName } of failed) await onFailed(tableName, error);
        return;
      }
      log.info({ err: error, tables: failed.length }, 'Small tables cannot be copied together');
      if (failed.length <= 2) {
        for (const { tableName } of failed) this.#alone.add(tableName);
        again([...left.keys()]);
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

  #copyPorts(state: WorkerState, signal: AbortSignal): Omit<CopyDataPorts, 'report' | 'reportPhase'> {
    const { options, registry, lanes, completedTick } = this.#ports;
    return {
      options,
      providerNode: state.providerNode,
      providerLocation: state.providerLocation,
      registry,
      completedTick,
      lanes,
      throttle: { take: (bytes, taking) => this.#take(bytes, taking) },
      signal,
    };
  }

  async #braked<T>(state: WorkerState, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    const { options } = this.#ports;
    const application = `copy-brake/${options.consumerName}`;
    return this.#brake.during(
      () => openProvider(options, state.providerLocation, { application, signal }),
      body,
    );
  }

  async #take(bytes: number, signal: AbortSignal): Promise<void> {
    await this.#pace?.take(bytes, signal);
    await this.#brake.take(bytes, signal);
  }
}

/** A lock that one of several tables could not be given in time says nothing of the others. */
function isOfOneTable(error: unknown): boolean {
  // That of the ticks is of all of them.
  if (error instanceof ReplicateError) return error.code === 'PC208' && !('queueName' in error.facts);
  const state = sqlstateOf(error);
  return state === SQLSTATE.lockNotAvailable || state === SQLSTATE.deadlockDetected;
}
