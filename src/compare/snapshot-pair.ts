import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TickId } from '../queue/ids.js';
import type { Sides } from './canonical-value.js';
import { openReaderPool, type ReaderPool } from './reader-pool.js';
import { SnapshotRequest } from './snapshot-request.js';

/** One more try: between the request and the snapshot the worker may have been restarted. */
const ATTEMPTS = 2;

/** How snapshots are made: they belong to the copy as well, so they are handed in. */
export interface SnapshotPorts {
  readonly connectProvider: () => Promise<Connection>;
  readonly connectSubscriber: () => Promise<Connection>;
  /** `openTickSnapshot` of src/copy. */
  readonly openTickSnapshot: (
    provider: Connection,
    options: {
      readonly queueName: string;
      readonly readers: readonly Connection[];
      readonly beforeCommit: (tick: TickId) => Promise<void>;
      readonly signal?: AbortSignal | undefined;
    },
  ) => Promise<TickId>;
  /** Other queues that feed the same tables of the subscriber, whose providers are read at a tick of theirs. */
  readonly otherSources?: readonly SnapshotSource[];
  /** `importSnapshot` of src/copy. */
  readonly importSnapshot: (reader: Connection, snapshot: string) => Promise<void>;
}

export interface SnapshotSource {
  readonly queueName: string;
  readonly connectProvider: () => Promise<Connection>;
}

export interface SnapshotPairOptions {
  readonly queueName: string;
  /** Readers on each side. */
  readonly jobs: number;
  /** The longest wait for the snapshot of the subscriber. */
  readonly timeoutMs: number;
  /** The longest wait of a read for a lock. */
  readonly lockTimeoutMs: number;
  /** The worker begins no batch until the pair is closed, for a minute at most: see repair-round.ts. */
  readonly holdsWorker?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Readers on both sides whose snapshots are of the same tick. */
export interface SnapshotPair extends AsyncDisposable {
  readonly tick: TickId;
  /** The tick of each queue that feeds the tables, this node's own among them. */
  readonly ticks: ReadonlyMap<string, TickId>;
  readonly readers: Sides<ReaderPool>;
  /** Readers of the other sources, in their order: the subscriber's snapshot is that of their ticks too. */
  readonly otherSources: readonly ReaderPool[];
}

/**
 * Opens a snapshot on the provider that is a tick, and the snapshot of the subscriber at that tick, which its worker
 * hands out when it is there. Nothing is locked meanwhile; the worker goes on at once. With other sources their
 * workers are asked too, and each stands still at its tick until all are there.
 *
 * When it throws, all its sessions are closed. Throws PC306 when no worker answers in time, PC500 when one is on its
 * way but not there in time, PC503 when it could not open a snapshot. May be repeated.
 */
export async function openSnapshotPair(
  ports: SnapshotPorts,
  options: SnapshotPairOptions,
): Promise<SnapshotPair> {
  const deadline = performance.now() + options.timeoutMs;
  for (let attempt = 1; ; attempt++) {
    const outcome = await tryToOpen(ports, options, deadline);
    if (outcome.kind === 'open') return outcome.pair;
    if (attempt === ATTEMPTS) {
      throw new ReplicateError('PC503', `The worker handed out no snapshot: ${outcome.reason}`);
    }
  }
}

type Attempt =
  | { readonly kind: 'open'; readonly pair: SnapshotPair }
  | { readonly kind: 'failed'; readonly reason: string };

async function tryToOpen(
  ports: SnapshotPorts,
  options: SnapshotPairOptions,
  deadline: number,
): Promise<Attempt> {
  const sessions = new Sessions();
  let outcome: Attempt | undefined;
  try {
    const session = await sessions.add(ports.connectSubscriber());
    const ask = async (source: SnapshotSource): Promise<AskedSource> => {
      const request = await SnapshotRequest.begin(session);
      sessions.beforeClose(() => request.end());
      return { ...source, request, readers: await sessions.openReaders(source.connectProvider, options) };
    };
    const { queueName } = options;
    const own = await ask({ queueName, connectProvider: ports.connectProvider });
    const others: AskedSource[] = [];
    for (const source of ports.otherSources ?? []) others.push(await ask(source));
    const subscribers = await sessions.openReaders(ports.connectSubscriber, options);

    const ticks = await makeTicks(ports, own, others, options);
    const tick = ticks.get(queueName) as TickId;
    const answer = await own.request.wait({ ...options, tick, deadline });
    if (answer.kind === 'failed') return answer;
    const imported = await importAll(ports, subscribers, answer.snapshot);
    if (imported !== undefined) return imported;
    const readers = {
      provider: await openReaderPool(own.readers),
      subscriber: await openReaderPool(subscribers),
    };
    const otherSources = await Promise.all(others.map((source) => openReaderPool(source.readers)));
    // The session of the request stays open to the end: the worker keeps the snapshot as long.
    const close = () => sessions.close();
    outcome = { kind: 'open', pair: { tick, ticks, readers, otherSources, [Symbol.asyncDispose]: close } };
    return outcome;
  } finally {
    if (outcome === undefined) await sessions.close();
  }
}

interface AskedSource extends SnapshotSource {
  readonly request: SnapshotRequest;
  /** On the provider, all with the snapshot of its tick. */
  readonly readers: readonly Connection[];
}

/** Makes a tick in each queue, in the order of their names: two compares then do not wait for each other's. */
async function makeTicks(
  ports: SnapshotPorts,
  own: AskedSource,
  others: readonly AskedSource[],
  { holdsWorker, signal }: SnapshotPairOptions,
): Promise<ReadonlyMap<string, TickId>> {
  const sources = [own, ...others];
  const group = others.length === 0 ? undefined : { first: own.request, size: sources.length };
  const ticks = new Map<string, TickId>();
  for (const source of sources.toSorted((a, b) => (a.queueName < b.queueName ? -1 : 1))) {
    const { queueName, readers, request } = source;
    await using provider = await source.connectProvider();
    const tick = await ports.openTickSnapshot(provider, {
      queueName,
      readers,
      // Before the worker can see the tick, so that it cannot run past it unnoticed.
      beforeCommit: async (made) => {
        await request.commit(queueName, made, group);
        if (holdsWorker === true) await request.hold();
      },
      signal,
    });
    ticks.set(queueName, tick);
  }
  return ticks;
}

/** A worker that ended meanwhile took the snapshot with it: that is worth another try. */
async function importAll(
  ports: SnapshotPorts,
  readers: readonly Connection[],
  snapshot: string,
): Promise<Attempt | undefined> {
  const outcomes = await Promise.allSettled(readers.map((reader) => ports.importSnapshot(reader, snapshot)));
  const failed = outcomes.find((outcome) => outcome.status === 'rejected');
  if (failed === undefined) return undefined;
  return { kind: 'failed', reason: `it could not be imported: ${(failed.reason as Error).message}.` };
}

/** Since this version a server can notice in the middle of a scan that its client is gone, on most systems. */
const CONNECTION_CHECK_SINCE = 140_000;

async function prepareReader(reader: Connection, options: SnapshotPairOptions): Promise<void> {
  await reader.execute(
    // How much works at a time is for `jobs` to say, so a reader has no workers of its own.
    `set lock_timeout = ${options.lockTimeoutMs}; set max_parallel_workers_per_gather = 0`,
  );
  if (reader.serverVersion >= CONNECTION_CHECK_SINCE) {
    // Refused by a server whose system cannot do it; a killed compare then ends with its piece.
    await reader.execute("set client_connection_check_interval = '2s'").catch(() => undefined);
  }
}

/** Sessions that are closed together; closing ends their transactions and releases the request's lock. */
class Sessions {
  readonly #open: Connection[] = [];
  readonly #beforeClose: (() => Promise<void>)[] = [];

  /** What is done when the sessions are closed, while they are still open. */
  beforeClose(step: () => Promise<void>): void {
    this.#beforeClose.push(step);
  }

  async add(opening: Promise<Connection>): Promise<Connection> {
    const session = await opening;
    this.#open.push(session);
    return session;
  }

  async openReaders(connect: () => Promise<Connection>, options: SnapshotPairOptions): Promise<Connection[]> {
    // All are waited for, so that none is opened after the others were closed.
    const opening = Array.from({ length: options.jobs }, () => this.add(connect()));
    await Promise.allSettled(opening);
    const readers = await Promise.all(opening);
    await Promise.all(readers.map((reader) => prepareReader(reader, options)));
    return readers;
  }

  async close(): Promise<void> {
    for (const step of this.#beforeClose) await step();
    await Promise.all(this.#open.map((session) => session.close()));
  }
}
