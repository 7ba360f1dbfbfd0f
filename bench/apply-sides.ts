import type { Connection } from '../src/db/connection.js';
import { findDifferences } from '../test/support/differences.js';
import type { TestNode } from '../test/support/test-node.js';
import { openTree, type Tree } from '../test/support/tree.js';
import { waitUntil } from '../test/support/wait-until.js';
import { ROWS, type Source, TABLES } from './apply-workloads.js';
import { backendOf } from './backend-cpu.js';
import { ownCpuMs, parentOf, peakMegabytes, treeCpuMs } from './process-cpu.js';
import { millisecondsOf } from './rounds.js';

/** What it took to drain a backlog. */
export interface Drained {
  readonly ms: number;
  /** Processor time of the server that is read from, the server that is written to, and the program between, where there is one. */
  readonly sourceCpuMs: number;
  readonly targetCpuMs: number;
  readonly programCpuMs: number;
  /** The most memory that the program had; 0 where there is none. */
  readonly programMegabytes: number;
}

/** One way from the source server to the target server. */
export interface ApplySide {
  readonly name: 'ours' | 'native' | 'londiste';
  readonly source: Source;
  readonly target: Connection;
  /** Nobody applies until `drain`. */
  hold(): Promise<void>;
  /** Applies all that is committed, and goes on until `hold`. */
  drain(): Promise<Drained>;
  /** One line for each table that is not the same on both servers. */
  differences(): Promise<string[]>;
}

export interface ApplySides extends AsyncDisposable {
  /** Ours, native, and the stock Londiste where it was asked for. */
  readonly all: readonly ApplySide[];
}

const DEADLINE_MS = 900_000;
const NATIVE = 'native';
/** As production has it, save that no checkpoint comes in between; native may begin again at once. */
const SETTINGS = {
  wal_level: 'logical',
  fsync: 'on',
  shared_buffers: '1GB',
  max_wal_size: '16GB',
  checkpoint_timeout: '1h',
  wal_retrieve_retry_interval: '100ms',
};

/**
 * Two servers, with a database for each way on both: our programs as processes of their own, and a publication with its
 * subscription; for Londiste a third server of Debian's with both of its databases. All ends with `Symbol.asyncDispose`.
 */
export async function openApplySides({ withLondiste = false } = {}): Promise<ApplySides> {
  const tree = await openTree({
    nodes: { root: { major: 15 }, leaf: { major: 15, provider: 'root' } },
    tables: TABLES,
    ownServers: true,
    settings: SETTINGS,
  });
  const sessions: Connection[] = [];
  let stock: Tree | undefined;
  const end = async () => {
    for (const session of sessions) await session.close();
    await stock?.[Symbol.asyncDispose]();
    await tree[Symbol.asyncDispose]();
  };
  try {
    const [root, leaf] = tree.nodes as [TestNode, TestNode];
    const open = async (node: TestNode, database: string) => {
      const session = await node.cluster.application(database);
      sessions.push(session);
      return session;
    };
    const servers = {
      source: parentOf(await backendOf(await open(root, 'postgres'))),
      target: parentOf(await backendOf(await open(leaf, 'postgres'))),
    };
    const session = await open(root, root.database.name);
    const sideOf = async (
      name: ApplySide['name'],
      of: Tree,
      [from, to]: readonly [TestNode, TestNode],
      processes: ServerProcesses,
    ): Promise<ApplySide> => ({
      name,
      source: {
        session: from === root ? session : await open(from, from.database.name),
        port: from.cluster.port,
        database: from.database.name,
      },
      target: await open(to, to.database.name),
      hold: async () => void (await to.stopWorker()),
      drain: () =>
        spentOn(processes, async () => {
          const { pid } = to.worker?.isRunning === true ? to.worker : to.startWorker();
          await of.caughtUp(from, [to], DEADLINE_MS);
          return pid;
        }),
      differences: () => of.differences(from, to),
    });
    const ours = await sideOf('ours', tree, [root, leaf], servers);
    for (const node of [root, leaf]) await node.cluster.createDatabase(NATIVE);
    const from = await open(root, NATIVE);
    const to = await open(leaf, NATIVE);
    const native = await openNative(
      { from, to, conninfo: root.cluster.conninfo(NATIVE), port: root.cluster.port },
      servers,
    );
    const all = [ours, native];
    if (withLondiste) {
      stock = await openTree({
        nodes: { root: { major: 15, isStock: true }, leaf: { major: 15, isStock: true, provider: 'root' } },
        // It takes no table without a key.
        tables: `${TABLES}; alter table public.pgbench_history add id bigserial primary key`,
        // Its copies take some seconds each.
        expectSync: true,
        settings: SETTINGS,
      });
      const ends = stock.nodes as [TestNode, TestNode];
      const server = parentOf(await backendOf(await open(ends[0], 'postgres')));
      all.push(await sideOf('londiste', stock, ends, { source: server, target: undefined }));
    }
    for (const side of all) {
      await side.hold();
      await side.source.session.execute(ROWS);
      await side.drain();
      await side.source.session.execute('vacuum analyze');
    }
    return { all, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

interface NativeLink {
  readonly from: Connection;
  readonly to: Connection;
  readonly conninfo: string;
  readonly port: number;
}

interface ServerProcesses {
  readonly source: number;
  /** Undefined when it is the source's. */
  readonly target: number | undefined;
}

async function openNative(
  { from, to, conninfo, port }: NativeLink,
  servers: ServerProcesses,
): Promise<ApplySide> {
  for (const session of [from, to]) await session.execute(TABLES);
  await from.execute('create publication bench for all tables');
  await to.execute(`create subscription bench connection '${conninfo}' publication bench`);
  const isSynced = async () => {
    const { synced } = await to.one("select bool_and(srsubstate = 'r') as synced from pg_subscription_rel");
    return synced === true;
  };
  await waitUntil('the subscription has copied its empty tables', isSynced, { timeoutMs: DEADLINE_MS });
  const isReading = async () =>
    (await from.query("select from pg_stat_replication where application_name = 'bench'")).length > 0;
  return {
    name: 'native',
    source: { session: from, port, database: NATIVE },
    target: to,
    async hold() {
      await to.execute('alter subscription bench disable');
      await waitUntil('the subscription has stopped', async () => !(await isReading()));
    },
    drain: () =>
      spentOn(servers, async () => {
        const { position } = await from.one<{ position: string }>(
          'select pg_current_wal_flush_lsn()::text as position',
        );
        await to.execute('alter subscription bench enable');
        await waitUntil(
          'the subscription has applied everything',
          async () => {
            const [row] = await from.query<{ applied: boolean | null }>(
              "select replay_lsn >= $1::pg_lsn as applied from pg_stat_replication where application_name = 'bench'",
              [position],
            );
            return row?.applied === true;
          },
          { timeoutMs: DEADLINE_MS },
        );
        return undefined;
      }),
    differences: () => findDifferences(from, to),
  };
}

/** `work` returns the program's process id, where there is one; it has begun with the work. */
async function spentOn(servers: ServerProcesses, work: () => Promise<number | undefined>): Promise<Drained> {
  const targetMs = () => (servers.target === undefined ? 0 : treeCpuMs(servers.target));
  const before = { source: treeCpuMs(servers.source), target: targetMs() };
  let program: number | undefined;
  const ms = await millisecondsOf(async () => {
    program = await work();
  });
  return {
    ms,
    sourceCpuMs: treeCpuMs(servers.source) - before.source,
    targetCpuMs: targetMs() - before.target,
    programCpuMs: program === undefined ? 0 : ownCpuMs(program),
    programMegabytes: program === undefined ? 0 : peakMegabytes(program),
  };
}
