import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type InjectPorts, last, untilItWorks } from './inject-ports.js';
import { newestTick } from './newest-tick.js';
import { runCommand } from './run-command.js';
import { type Fault, NODE_NAMES, type NodeName } from './schedule.js';
import { isPaused } from './settle.js';
import { FIRST_COLUMNS, type WorkloadTable } from './workload-tables.js';

/** A root that is closed meanwhile makes no tick: then the other one is asked. */
const TICK_LIMIT_MS = 5_000;

type TableFault = Extract<Fault, { kind: 'ddl' }>;

/** Makes the change on every node, and takes it back after the time. */
export async function changeTable(ports: InjectPorts, fault: TableFault): Promise<void> {
  const name = ports.tree.newName();
  const [make, drop] = [makes(fault, name), drops(fault, name)];
  if (fault.how === 'execute') {
    await execute(ports, `${name}_makes.sql`, make);
    await last(ports, fault.ms);
    await execute(ports, `${name}_drops.sql`, drop);
    return;
  }
  const made = await rootAndOthers(ports);
  const order = fault.rootFirst ? [made.root, ...made.others] : [...made.others, made.root];
  for (const node of order) await changeByHand(ports, node, make);
  await last(ports, fault.ms);
  await untilItWorks(drop, async () => {
    const { root, others } = await rootAndOthers(ports);
    await changeByHand(ports, root, drop);
    const tick = await newestTick(ports.tree, root, TICK_LIMIT_MS);
    for (const node of others) await dropByHand(ports, node, fault.table, drop, tick);
  });
}

function makes({ table, what }: TableFault, name: string): string {
  return what === 'column'
    ? `alter table public.${table} add column ${name} text default 'one'`
    : `create index ${name} on public.${table} (${FIRST_COLUMNS[table]})`;
}

function drops({ table, what }: TableFault, name: string): string {
  return what === 'column' ? `alter table public.${table} drop column ${name}` : `drop index public.${name}`;
}

/** Runs a script on the root, whichever node that is by then. What was not answered is asked for again: it is run once. */
async function execute(ports: InjectPorts, file: string, sql: string): Promise<void> {
  await writeFile(join(ports.tree.tree.folder, file), `${sql};\n`);
  await untilItWorks(`execute ${file}`, async () => {
    const node = await ports.tree.openRoot();
    const exitCode = await runCommand(ports, { node, words: ['execute', file] });
    if (exitCode !== 0) throw new Error(`it ended with ${exitCode}`);
  });
}

async function rootAndOthers({ tree }: InjectPorts): Promise<{ root: NodeName; others: NodeName[] }> {
  let root: NodeName = 'root';
  await untilItWorks('the look for the root', async () => {
    root = await tree.openRoot();
  });
  return { root, others: NODE_NAMES.filter((name) => name !== root) };
}

/** What has been done, though nobody was told, is not done again. */
function changeByHand({ tree }: InjectPorts, node: NodeName, sql: string): Promise<void> {
  return untilItWorks(`${sql} on ${node}`, async () => {
    await using session = await tree.node(node).application();
    await session.execute("set lock_timeout = '1s'");
    await session.execute(repeatable(sql));
  });
}

function repeatable(sql: string): string {
  return sql
    .replace(/add column|create index/, '$& if not exists')
    .replace(/drop column|drop index/, '$& if exists');
}

/**
 * Below the root it is dropped when all events from before have been applied, and an index when no copy has taken it off. A node that was
 * paused before would never get there.
 */
function dropByHand(
  ports: InjectPorts,
  node: NodeName,
  table: WorkloadTable,
  sql: string,
  tick: bigint,
): Promise<void> {
  const { tree } = ports;
  return untilItWorks(`${sql} on ${node}`, async () => {
    await using session = await tree.node(node).application();
    if (await isPaused(tree, node)) await runCommand(ports, { node, words: ['resume'] });
    const assertPassed = async () => {
      const behind = await session.query(
        `select from pgq_node.local_state as s join pgq_node.node_info as n using (queue_name)
           left join londiste.table_info as t on t.queue_name = s.queue_name and t.table_name = $2 and t.local
          where s.queue_name = $1 and s.consumer_name = n.worker_name
            and (s.last_tick_id < $3 or t.local and t.merge_state is distinct from 'ok')`,
        [tree.queue, `public.${table}`, tick],
      );
      if (behind.length > 0) throw new Error(`${node} is not in sync`);
    };
    await assertPassed();
    await session.transaction(async () => {
      await session.execute("set local lock_timeout = '1s'");
      await session.execute(`lock table public.${table} in access exclusive mode`);
      await assertPassed();
      await session.execute(repeatable(sql));
    });
  });
}
