import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../../src/db/connection.js';
import { SQLSTATE, sqlstateOf } from '../../../src/db/sqlstate.js';
import { type InjectPorts, last, untilItWorks } from './inject-ports.js';
import type { Fault, NodeName } from './schedule.js';

/** A session that ends is replaced by one of ours within this time. */
const REFILL_MS = 5;
const CONNECTIONS_AT_ONCE = 12;
/** A server that does not answer for so long when its file system has room again has ended. */
const RECOVERY_MS = 2_000;
/** Of 16 MB each. */
const MOST_LOGS = 30;
const CLOCK_STEP_MS = 250;
const STALL_PAUSE_MS = 200;

type FaultOf<Kind extends Fault['kind']> = Extract<Fault, { kind: Kind }>;

/** Our programs' sessions: all, or one of them. */
export async function endSessions({ tree }: InjectPorts, node: NodeName, all: boolean): Promise<void> {
  await tree.node(node).query(
    `select pg_terminate_backend(pid) from (
       select pid from pg_stat_activity
        where application_name like 'pgcascade/%' and application_name <> 'pgcascade/test'
        order by md5(pid::text) limit case when $1 then 1000 else 1 end) as chosen`,
    [all],
  );
}

/** Opens sessions until the server takes no more, and more for those that end meanwhile; then closes them. */
export async function useUpConnections(
  ports: InjectPorts,
  { node, ms, cuts }: FaultOf<'max-connections'>,
): Promise<void> {
  const held: Connection[] = [];
  const until = performance.now() + ms;
  let wasFull = false;
  try {
    while (performance.now() < until && !ports.signal.aborted) {
      const { opened, isFull } = await openMore(ports, node, wasFull ? 1 : CONNECTIONS_AT_ONCE);
      held.push(...opened);
      if (!isFull) continue;
      if (!wasFull) ports.note(`${node} takes no more connections: ${held.length} are the harness's`);
      if (!wasFull && cuts) await endSessions(ports, node, true);
      wasFull = true;
      if (opened.length === 0) await sleep(REFILL_MS);
    }
  } finally {
    // A server that is away has closed them.
    await Promise.all(held.map((connection) => connection.close().catch(() => undefined)));
  }
}

/** Throws, with those closed that were opened, when the server is away. */
async function openMore({ tree }: InjectPorts, node: NodeName, count: number) {
  const tries = await Promise.allSettled(Array.from({ length: count }, () => tree.node(node).connect()));
  const opened = tries.flatMap((tried) => (tried.status === 'fulfilled' ? [tried.value] : []));
  const errors = tries.flatMap((tried) => (tried.status === 'rejected' ? [tried.reason as unknown] : []));
  const other = errors.find((error) => causeOf(error) !== SQLSTATE.tooManyConnections);
  if (other === undefined) return { opened, isFull: errors.length > 0 };
  await Promise.all(opened.map((connection) => connection.close().catch(() => undefined)));
  throw other;
}

function causeOf(error: unknown): string | undefined {
  return sqlstateOf((error as { cause?: unknown }).cause) ?? sqlstateOf(error);
}

/** Leaves no room on the node's file system. A server that this has ended is started again when there is room. */
export async function fillDisk(
  ports: InjectPorts,
  { node, ms, spareBytes, endsServer }: FaultOf<'disk-full'>,
): Promise<void> {
  const { tree } = ports;
  if (typeof tree.disks === 'string') throw new Error(tree.disks);
  const disk = tree.disks.get(node);
  if (disk === undefined) throw new Error(`${node} has no file system of its own`);
  try {
    await disk.fill(spareBytes);
    if (endsServer) await switchLogs(ports, node);
    await last(ports, ms);
  } finally {
    await disk.empty();
  }
  await ports.oneAtATime(node, async () => {
    const deadline = performance.now() + RECOVERY_MS;
    while (!(await answers(tree.node(node)))) {
      if (performance.now() > deadline) {
        ports.note(`the full disk has ended the server of ${node}`);
        return tree.node(node).cluster.restart();
      }
      await sleep(100);
    }
  });
}

/** Begins one segment of the write-ahead log after the other, until there is none left to be used again: then the server ends by itself. */
async function switchLogs({ tree, note }: InjectPorts, node: NodeName): Promise<void> {
  await using session = await tree.node(node).application();
  try {
    for (let no = 0; no < MOST_LOGS; no++) {
      await session.execute("select pg_logical_emit_message(false, 'fault', 'x'); select pg_switch_wal()");
    }
  } catch (error) {
    note(`${node} has no room for its write-ahead log: ${causeOf(error) ?? String(error)}`);
  }
}

async function answers(node: { connect(): Promise<Connection> }): Promise<boolean> {
  try {
    await using connection = await node.connect();
    return connection.isOpen;
  } catch (error) {
    // One whose connections are used up is there.
    return causeOf(error) === SQLSTATE.tooManyConnections;
  }
}

/** Commits take longer, as if the disk were slow to take them, and all processes stand still in turns, as if it did not answer. */
export async function slowDown(
  ports: InjectPorts,
  { node, ms, commitMs, stallMs }: FaultOf<'slow-disk'>,
): Promise<void> {
  const server = ports.tree.node(node);
  const configure = (change: (name: string, value: string) => string) =>
    untilItWorks(`a slow disk of ${node}`, async () => {
      await using session = await server.application();
      await session.execute(change('commit_delay', `${commitMs * 1000}`));
      await session.execute(change('commit_siblings', '0'));
      await session.execute('select pg_reload_conf()');
    });
  const until = performance.now() + ms;
  try {
    await configure((name, value) => `alter system set ${name} = ${value}`);
    while (performance.now() < until && !ports.signal.aborted) {
      await standStill(ports, node, stallMs);
      await last(ports, STALL_PAUSE_MS);
    }
  } finally {
    await configure((name) => `alter system reset ${name}`);
  }
}

async function standStill(ports: InjectPorts, node: NodeName, ms: number): Promise<void> {
  // Nothing to stop when it is away.
  const processIds = await serverProcesses(ports, node).catch(() => []);
  for (const processId of processIds) signal(processId, 'SIGSTOP');
  try {
    await last(ports, ms);
  } finally {
    for (const processId of processIds) signal(processId, 'SIGCONT');
  }
}

/** Those of sessions and those that write in the background; not the postmaster. */
async function serverProcesses({ tree }: InjectPorts, node: NodeName): Promise<number[]> {
  const [row] = await tree
    .node(node)
    .query<{ folder: string }>("select current_setting('data_directory') as folder");
  const postmaster = readFileSync(join(`${row?.folder}`, 'postmaster.pid'), 'utf8').split('\n')[0];
  const children = readFileSync(`/proc/${postmaster}/task/${postmaster}/children`, 'utf8');
  return children.trim().split(/\s+/).filter(Boolean).map(Number);
}

function signal(processId: number, name: 'SIGSTOP' | 'SIGCONT'): void {
  try {
    process.kill(processId, name);
  } catch (error) {
    // A session that has ended meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Sets the wall clock of a program, and of the one that is started in its place, back and forth; at the end it is right. */
export async function moveClock(
  ports: InjectPorts,
  { node, program, ms, byMs }: FaultOf<'clock'>,
): Promise<void> {
  const file = ports.tree.clockFile(node, program);
  const until = performance.now() + ms;
  try {
    while (performance.now() < until && !ports.signal.aborted) {
      await writeFile(file, `${byMs}`);
      await last(ports, CLOCK_STEP_MS);
      await rm(file, { force: true });
      await last(ports, CLOCK_STEP_MS);
    }
  } finally {
    await rm(file, { force: true });
  }
}
