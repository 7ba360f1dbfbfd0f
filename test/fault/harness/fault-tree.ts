import { appendFileSync, mkdirSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { serverFolder } from '../../support/server-folder.js';
import type { TestNode } from '../../support/test-node.js';
import { openTree, type Tree } from '../../support/tree.js';
import { LinkProxy } from './link-proxy.js';
import { NODE_NAMES, type NodeName, type ProgramKind } from './schedule.js';
import { SmallDisk } from './small-disk.js';
import { SupervisedProgram } from './supervised-program.js';
import { WORKLOAD_ROWS, WORKLOAD_SCHEMA } from './workload-tables.js';

const NODES = {
  root: { major: 10 },
  branch: { major: 18, provider: 'root', isBranch: true },
  leaf: { major: 15, provider: 'branch' },
  side: { major: 10, provider: 'root' },
} as const;

const SETTINGS = {
  max_connections: '60',
  // In memory it costs nothing, and without it no commit can be made to take longer.
  ...(serverFolder() === undefined ? {} : { fsync: 'on' }),
};

/** A root that takes writes: one that is closed for a takeover does not. */
const IS_OPEN_ROOT = `
  select from pgq_node.node_info join pgq.queue using (queue_name)
   where queue_name = $1 and node_type = 'root' and not queue_disable_insert`;

const CLOCK = fileURLToPath(new URL('shifted-clock.js', import.meta.url));

const INI = [
  'max_block_rows = 100',
  'copy_split_size = 65536',
  'local_wm_publish_period = 1',
  'global_wm_publish_period = 1',
];

/** Nodes with a queue, and so a ticker. */
const WITH_QUEUE: readonly NodeName[] = ['root', 'branch'];

export interface FaultTreeOptions {
  /** The `bin` folder of another build, for the workers. */
  readonly bin?: string | undefined;
}

/** Four nodes on servers of their own, every link of a program through a proxy, every program supervised. */
export class FaultTree implements AsyncDisposable {
  readonly tree: Tree;
  readonly links: ReadonlyMap<string, LinkProxy>;
  readonly workers: ReadonlyMap<NodeName, SupervisedProgram>;
  readonly tickers: ReadonlyMap<NodeName, SupervisedProgram>;
  /** The file systems of the servers' data, or why they have none of their own. */
  readonly disks: ReadonlyMap<NodeName, SmallDisk> | string;
  #names = 0;

  private constructor(
    tree: Tree,
    links: ReadonlyMap<string, LinkProxy>,
    disks: ReadonlyMap<NodeName, SmallDisk> | string,
    bin: string | undefined,
  ) {
    this.tree = tree;
    this.links = links;
    this.disks = disks;
    const supervised = (node: NodeName, kind: ProgramKind) =>
      new SupervisedProgram({
        ...programWords(node, kind),
        folder: tree.folder,
        bin,
        environment: { NODE_OPTIONS: `--import=${CLOCK}`, FAULT_CLOCK: this.clockFile(node, kind) },
        onOutput: (text) => appendFileSync(join(this.logFolder, `${node}.${kind}.log`), text),
      });
    mkdirSync(this.logFolder);
    this.workers = new Map(NODE_NAMES.map((node) => [node, supervised(node, 'worker')]));
    this.tickers = new Map(WITH_QUEUE.map((node) => [node, supervised(node, 'ticker')]));
  }

  /** Sets the tree up, with all tables in sync; its programs do not run. */
  static async open({ bin }: FaultTreeOptions = {}): Promise<FaultTree> {
    const disks = await openDisks();
    if (typeof disks === 'string') process.stdout.write(`No disk becomes full here: ${disks}\n`);
    const folderOf = (name: NodeName) => (typeof disks === 'string' ? undefined : disks.get(name)?.folder);
    const links = new Map<string, LinkProxy>();
    let tree: Tree | undefined;
    try {
      tree = await openTree({
        nodes: Object.fromEntries(
          NODE_NAMES.map((name) => [name, { ...NODES[name], folder: folderOf(name) }]),
        ),
        tables: WORKLOAD_SCHEMA,
        rows: WORKLOAD_ROWS,
        ini: INI,
        settings: SETTINGS,
        ownServers: true,
      });
      await tree.stopPrograms();
      for (const node of NODE_NAMES) {
        for (const to of NODE_NAMES)
          links.set(`${node}>${to}`, await LinkProxy.open(tree.node(to).cluster.port));
      }
      const opened = new FaultTree(tree, links, disks, bin);
      for (const node of NODE_NAMES) await opened.#writeIniFiles(node);
      for (const node of WITH_QUEUE) {
        const config = 'select pgq.set_queue_config($1, $2, $3)';
        await opened.node(node).query(config, [tree.queue, 'rotation_period', '4 seconds']);
        await opened.node(node).query(config, [tree.queue, 'ticker_max_lag', '200 milliseconds']);
      }
      return opened;
    } catch (error) {
      for (const link of links.values()) await link[Symbol.asyncDispose]();
      await tree?.[Symbol.asyncDispose]();
      await closeDisks(disks);
      throw error;
    }
  }

  /** Where the programs' logs are. */
  get logFolder(): string {
    return join(this.tree.folder, 'logs');
  }

  get queue(): string {
    return this.tree.queue;
  }

  node(name: NodeName): TestNode {
    return this.tree.node(name);
  }

  /** The node that the application can write to. Throws when there is none at this moment. */
  async openRoot(): Promise<NodeName> {
    for (const name of WITH_QUEUE) {
      // A node that is away is not to be written to.
      const found = await this.node(name)
        .query(IS_OPEN_ROOT, [this.queue])
        .catch(() => []);
      if (found.length > 0) return name;
    }
    throw new Error('No node is an open root.');
  }

  /** A name that nothing has had before on this tree. */
  newName(): string {
    return `fault_${++this.#names}`;
  }

  /** By how many milliseconds a program's wall clock is wrong; without the file it is right. */
  clockFile(node: NodeName, kind: ProgramKind): string {
    return join(this.tree.folder, `${node}.${kind}.clock`);
  }

  link(node: NodeName, to: NodeName): LinkProxy {
    return this.links.get(`${node}>${to}`) as LinkProxy;
  }

  program(node: NodeName, kind: ProgramKind): SupervisedProgram {
    return (kind === 'worker' ? this.workers : this.tickers).get(node) as SupervisedProgram;
  }

  get programs(): readonly [name: string, program: SupervisedProgram][] {
    return [
      ...[...this.workers].map(
        ([name, program]) => [`${name} worker`, program] as [string, SupervisedProgram],
      ),
      ...[...this.tickers].map(
        ([name, program]) => [`${name} ticker`, program] as [string, SupervisedProgram],
      ),
    ];
  }

  /** Lets each node reach the others through its own links: commands that move a node write other connect strings. */
  async locateByLinks(): Promise<void> {
    for (const node of NODE_NAMES) {
      for (const to of NODE_NAMES.filter((name) => name !== node)) {
        await this.node(node).query(
          'update pgq_node.node_location set node_location = $3 where queue_name = $1 and node_name = $2',
          [this.queue, to, this.#conninfo(node, to)],
        );
      }
    }
  }

  startPrograms(): void {
    for (const [, program] of this.programs) program.start();
  }

  /** Ini file of a second program of the same kind for the node: the pidfile is another. */
  secondIni(node: NodeName, kind: ProgramKind): string {
    return `${node}.second.${kind}.ini`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const [, program] of this.programs) program.signal('SIGCONT');
    await Promise.all(this.programs.map(([, program]) => program.stop()));
    for (const link of this.links.values()) await link[Symbol.asyncDispose]();
    await this.tree[Symbol.asyncDispose]();
    await closeDisks(this.disks);
  }

  #conninfo(node: NodeName, to: NodeName): string {
    const { conninfo, cluster } = this.node(to).database;
    return conninfo.replace(`port=${cluster.port}`, `port=${this.link(node, to).port}`);
  }

  async #writeIniFiles(node: NodeName): Promise<void> {
    const port = `port=${this.node(node).cluster.port}`;
    const through = `port=${this.link(node, node).port}`;
    for (const [kind, from] of [
      ['worker', `${node}.ini`],
      ['ticker', `${node}.ticker.ini`],
    ] as const) {
      const text = (await readFile(join(this.tree.folder, from), 'utf8')).replaceAll(port, through);
      await writeFile(join(this.tree.folder, `${node}.faulty.${kind}.ini`), text);
      const second = text.replace(/^pidfile = (.*)$/m, 'pidfile = second.$1');
      await writeFile(join(this.tree.folder, this.secondIni(node, kind)), second);
    }
  }
}

async function openDisks(): Promise<Map<NodeName, SmallDisk> | string> {
  const disks = new Map<NodeName, SmallDisk>();
  for (const name of NODE_NAMES) {
    const disk = await SmallDisk.open();
    if (typeof disk !== 'string') {
      disks.set(name, disk);
      continue;
    }
    await closeDisks(disks);
    return disk;
  }
  return disks;
}

async function closeDisks(disks: ReadonlyMap<NodeName, SmallDisk> | string): Promise<void> {
  if (typeof disks === 'string') return;
  for (const disk of disks.values()) await disk[Symbol.asyncDispose]();
}

function programWords(node: NodeName, kind: ProgramKind) {
  const ini = `${node}.faulty.${kind}.ini`;
  return kind === 'worker'
    ? { program: 'replicate' as const, words: [ini, 'worker'] }
    : { program: 'ticker' as const, words: [ini] };
}
