import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type InjectPorts, last, untilItWorks } from './inject-ports.js';
import { runCommand } from './run-command.js';
import { type Fault, NODE_NAMES, type NodeName } from './schedule.js';
import { FIRST_COLUMNS } from './workload-tables.js';

type TableFault = Extract<Fault, { kind: 'ddl' }>;

/** Makes the change on every node, and takes it back after the time. */
export async function changeTable(ports: InjectPorts, fault: TableFault): Promise<void> {
  const name = ports.tree.newName();
  if (fault.how === 'execute') {
    await execute(ports, `${name}_makes.sql`, makes(fault, name));
    await last(ports, fault.ms);
    await execute(ports, `${name}_drops.sql`, drops(fault, name));
  } else {
    await onEachNode(ports, fault, fault.rootFirst, (node) => changeByHand(ports, node, makes(fault, name)));
    await last(ports, fault.ms);
    await onEachNode(ports, fault, true, (node) => dropByHand(ports, node, fault, name));
  }
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

async function onEachNode(
  { tree }: InjectPorts,
  { table }: TableFault,
  rootFirst: boolean,
  change: (node: NodeName) => Promise<void>,
): Promise<void> {
  let root: NodeName = 'root';
  await untilItWorks(`a change of ${table} by hand`, async () => {
    root = await tree.openRoot();
  });
  const others = NODE_NAMES.filter((name) => name !== root);
  for (const node of rootFirst ? [root, ...others] : [...others, root]) await change(node);
}

/** What has been done, though nobody was told, is not done again. */
function changeByHand({ tree }: InjectPorts, node: NodeName, sql: string): Promise<void> {
  const safe = sql.replace(/add column|create index/, '$& if not exists');
  return untilItWorks(`${sql} on ${node}`, async () => {
    await using session = await tree.node(node).application();
    await session.execute("set lock_timeout = '1s'");
    await session.execute(safe);
  });
}

/** An index that a copy has taken off is waited for: it comes back. */
function dropByHand({ tree }: InjectPorts, node: NodeName, fault: TableFault, name: string): Promise<void> {
  const { table } = fault;
  const sql = drops(fault, name).replace(/drop (column|index)/, '$& if exists');
  return untilItWorks(`${sql} on ${node}`, async () => {
    await using session = await tree.node(node).application();
    await session.execute("set lock_timeout = '1s'");
    await session.transaction(async (tx) => {
      await tx.execute(`lock table public.${table} in access exclusive mode`);
      const copied = await tx.query(
        `select from londiste.table_info where table_name = $1 and local and merge_state is distinct from 'ok'`,
        [`public.${table}`],
      );
      if (fault.what === 'index' && copied.length > 0) throw new Error(`${table} is not in sync`);
      await tx.execute(sql);
    });
  });
}
