import { Program, programPath } from '../../../src/demo/program.js';
import { type InjectPorts, last } from './inject-ports.js';
import { BAD_EXITS, runCommand, tail } from './run-command.js';
import type { Fault, NodeName } from './schedule.js';
import { endSessions, fillDisk, moveClock, slowDown, useUpConnections } from './server-faults.js';
import { changeTable } from './table-change.js';
import { takeOver } from './takeover-fault.js';

const FAILPOINT_LIMIT_MS = 6_000;

/** Does what the fault says, and undoes it when its time is over or the run ends. What it cannot do, as a server is away, it notes. */
export async function inject(ports: InjectPorts, fault: Fault): Promise<void> {
  try {
    await doFault(ports, fault);
  } catch (error) {
    ports.note(`${fault.kind}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function doFault(ports: InjectPorts, fault: Fault): Promise<void> {
  const { tree } = ports;
  switch (fault.kind) {
    case 'kill':
      return tree.program(fault.node, fault.program).signal('SIGKILL');
    case 'terminate':
      return tree.program(fault.node, fault.program).signal('SIGTERM');
    case 'freeze': {
      const program = tree.program(fault.node, fault.program);
      const { processId } = program;
      program.signal('SIGSTOP');
      await last(ports, fault.ms);
      // Another one may run by now.
      if (processId === program.processId) program.signal('SIGCONT');
      return;
    }
    case 'absent': {
      const program = tree.program(fault.node, fault.program);
      await program.stop();
      await last(ports, fault.ms);
      return program.start();
    }
    case 'second':
      return runSecond(ports, fault);
    case 'failpoint':
      return dieAtFailpoint(ports, fault);
    case 'kill-server':
      return ports.oneAtATime(fault.node, async () => {
        await tree.node(fault.node).cluster.kill();
        await last(ports, fault.ms);
        await tree.node(fault.node).cluster.restart();
      });
    case 'restart-server':
      return ports.oneAtATime(fault.node, () => tree.node(fault.node).cluster.restart());
    case 'backends':
      return endSessions(ports, fault.node, fault.all);
    case 'lock':
      return holdLock(ports, fault);
    case 'long-transaction':
      return leaveOpen(
        ports,
        await tree.openRoot(),
        'update public.account set note = md5(random()::text) where id = 1',
        fault.ms,
      );
    case 'held-snapshot':
      return leaveOpen(
        ports,
        fault.node,
        'set transaction isolation level repeatable read; select 1',
        fault.ms,
      );
    case 'command':
      await runCommand(ports, fault);
      return;
    case 'max-connections':
      return useUpConnections(ports, fault);
    case 'disk-full':
      return fillDisk(ports, fault);
    case 'slow-disk':
      return slowDown(ports, fault);
    case 'clock':
      return moveClock(ports, fault);
    case 'takeover':
      return takeOver(ports, fault);
    case 'ddl':
      return changeTable(ports, fault);
    default:
      return disturbLink(ports, fault);
  }
}

/** Starts the worker anew and gives it time to come to its failpoint: some are on the way of every batch, others of a copy only. */
async function dieAtFailpoint(
  ports: InjectPorts,
  { node, name, time }: Extract<Fault, { kind: 'failpoint' }>,
): Promise<void> {
  const worker = ports.tree.program(node, 'worker');
  worker.replace({ PGCASCADE_FAILPOINTS: `${name}=exit@${time}` });
  const before = worker.startCount;
  const deadline = performance.now() + FAILPOINT_LIMIT_MS;
  // The start that has the failpoint, and the one after it has died there.
  while (worker.startCount < before + 2 && performance.now() < deadline && !ports.signal.aborted)
    await last(ports, 50);
  ports.note(`${node} worker ${worker.startCount < before + 2 ? 'did not come to' : 'died at'} ${name}`);
}

type LinkFault = Extract<Fault, { to: NodeName }>;

async function disturbLink(ports: InjectPorts, fault: LinkFault): Promise<void> {
  const link = ports.tree.link(fault.node, fault.to);
  const forAWhile = async (heals = false) => {
    const state = link.state;
    await last(ports, fault.kind === 'cut' ? 0 : fault.ms);
    // Another fault may have changed it meanwhile.
    if (link.state === state) link.become({ kind: 'open' }, { heals });
  };
  switch (fault.kind) {
    case 'cut':
      return link.cut();
    case 'refuse':
      link.become({ kind: 'refuse' });
      link.cut();
      return forAWhile();
    case 'delay':
      link.become({ kind: 'delay', ms: fault.byMs });
      return forAWhile();
    case 'silent':
      link.become({ kind: 'silent', afterBytes: fault.afterBytes });
      return forAWhile(fault.heals);
    case 'lose-answer':
      link.become({ kind: 'lose-answer', request: fault.request });
      return forAWhile();
  }
}

async function runSecond(ports: InjectPorts, fault: Extract<Fault, { kind: 'second' }>): Promise<void> {
  const { tree } = ports;
  const ini = tree.secondIni(fault.node, fault.program);
  const [name, words] = fault.program === 'worker' ? ['replicate', [ini, 'worker']] : ['ticker', [ini]];
  const path = programPath(name as 'replicate' | 'ticker');
  const second = new Program({ path: process.execPath }, [path, ...words], { folder: tree.tree.folder });
  await Promise.race([second.ended, last(ports, fault.ms)]);
  const { exitCode, stderr } = await second.stop();
  ports.note(`second ${fault.node} ${fault.program} ended with ${exitCode}`);
  if (BAD_EXITS.includes(exitCode))
    ports.violate(`A second ${fault.program} ended with ${exitCode}: ${tail(stderr)}`);
}

async function holdLock(ports: InjectPorts, fault: Extract<Fault, { kind: 'lock' }>): Promise<void> {
  const sql = `set local lock_timeout = '2s'; lock table ${fault.table} in access exclusive mode`;
  return leaveOpen(ports, fault.node, sql, fault.ms);
}

/** Leaves a transaction open for a while, then commits it. */
async function leaveOpen(ports: InjectPorts, node: NodeName, sql: string, ms: number): Promise<void> {
  await using session = await ports.tree.node(node).application();
  await session.execute('begin');
  await session.execute(sql);
  await last(ports, ms);
  await session.execute('commit');
}
