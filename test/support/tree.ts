import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntilCaughtUp } from './caught-up.js';
import {
  bareCluster,
  type Cluster,
  type FreshDatabase,
  freshDatabase,
  freshDatabaseOn,
  sharedCluster,
  startCluster,
} from './cluster.js';
import { findDifferences } from './differences.js';
import { StockNode } from './stock-node.js';
import { startStockCluster } from './stock-server.js';
import { TestNode } from './test-node.js';

const QUEUE = 'app';

type CleanUp = () => Promise<unknown>;

export interface TreeNodeOptions {
  /** Major version of the node's server. */
  readonly major: number;
  /** The node to read from, which stands before this one; without it the node is the root. */
  readonly provider?: string;
  /** Of the database; with `ownServers` only. Without it UTF8. */
  readonly encoding?: string | undefined;
  /** The folder in which the server has its data; with `ownServers` only. */
  readonly folder?: string | undefined;
  /** Other nodes will read from this one. */
  readonly isBranch?: boolean;
  /** The role that owns database and tables and that the node's programs use; one that may do nothing else. Without it the superuser. */
  readonly role?: string;
  /** A node of the stock Londiste: its extensions on Debian's PostgreSQL 15, one server for all of a tree, and its programs. */
  readonly isStock?: boolean;
}

export interface TreeOptions {
  /** Name → node; the root comes first. */
  readonly nodes: Readonly<Record<string, TreeNodeOptions>>;
  /** SQL that makes the tables, run on all nodes; then all tables and sequences are added everywhere and in sync. Without it nothing is added. */
  readonly tables?: string | undefined;
  /** Nothing is copied when the tables are added: they are the same on all nodes. */
  readonly expectSync?: boolean | undefined;
  /** SQL run on the root only, after `tables` and before anything is added: the rows to copy. */
  readonly rows?: string | undefined;
  /** Commands of the root, each its words, run when it has been created. */
  readonly rootCommands?: readonly (readonly string[])[] | undefined;
  /** More lines for the ini files of all workers. */
  readonly ini?: readonly string[] | undefined;
  /** True for servers of their own, which may be killed; false shares those of the test file. */
  readonly ownServers?: boolean | undefined;
  /** Server settings; with `ownServers` and for stock nodes only. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/** A cascade: a database for each node, with workers and tickers as processes. */
export class Tree implements AsyncDisposable {
  readonly queue = QUEUE;
  readonly folder: string;
  readonly nodes: readonly TestNode[];
  readonly #cleanUp: CleanUp[];

  /** Use `openTree`. */
  constructor(folder: string, nodes: readonly TestNode[], cleanUp: CleanUp[]) {
    this.folder = folder;
    this.nodes = nodes;
    this.#cleanUp = cleanUp;
  }

  node(name: string): TestNode {
    const node = this.nodes.find((candidate) => candidate.name === name);
    if (node === undefined) throw new Error(`The tree has no node ${name}`);
    return node;
  }

  /** One more database with its ini files on a shared server, which is no node yet and not in `nodes`. */
  async addDatabase(name: string, major: number, ini: readonly string[] = []): Promise<TestNode> {
    const database = await freshDatabase(major, name);
    this.#cleanUp.unshift(() => database[Symbol.asyncDispose]());
    const node = new TestNode(name, this.folder, database);
    this.#cleanUp.unshift(() => node.stopPrograms());
    await node.writeIniFiles(QUEUE, ini);
    return node;
  }

  /** Waits until the other nodes have all that is committed on `root` now, and every table that they have is `ok`. */
  async caughtUp(root: TestNode, others: readonly TestNode[], timeoutMs = 60_000): Promise<void> {
    await waitUntilCaughtUp(QUEUE, root, others, timeoutMs);
  }

  /** One line per table that is not the same on two nodes. */
  async differences(one: TestNode, other: TestNode): Promise<string[]> {
    await using left = await one.connect();
    await using right = await other.connect();
    return await findDifferences(left, right);
  }

  /** Ends all tickers and workers. Safe to repeat. */
  async stopPrograms(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stopPrograms()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runAll(this.#cleanUp);
  }
}

/** Sets up the nodes, with tickers and workers running. With `tables` all of them are added and in sync. */
export async function openTree(options: TreeOptions): Promise<Tree> {
  const cleanUp: CleanUp[] = [];
  try {
    const folder = await mkdtemp(join(tmpdir(), 'pgcascade-tree-'));
    cleanUp.unshift(() => rm(folder, { recursive: true, force: true }));
    const nodes: TestNode[] = [];
    let stockCluster: Cluster | undefined;
    for (const [name, { major, isStock, encoding, folder: data, role }] of Object.entries(options.nodes)) {
      if (isStock === true) {
        if (stockCluster === undefined) {
          const cluster = await startStockCluster(options.settings);
          cleanUp.unshift(() => cluster.stop());
          stockCluster = cluster;
        }
        nodes.push(new StockNode(name, folder, await freshDatabaseOn(stockCluster, name)));
        continue;
      }
      const { database, isInstalled } = await openDatabase({ major, encoding, folder: data }, name, options);
      cleanUp.unshift(() => database[Symbol.asyncDispose]());
      const own = role === undefined ? database : await givenTo(database, role);
      nodes.push(new TestNode(name, folder, own, isInstalled));
    }
    const tree = new Tree(folder, nodes, cleanUp);
    cleanUp.unshift(() => tree.stopPrograms());
    await setUp(tree, options);
    return tree;
  } catch (error) {
    await runAll(cleanUp);
    throw error;
  }
}

async function setUp(tree: Tree, options: TreeOptions): Promise<void> {
  for (const node of tree.nodes) {
    const { provider, isBranch, role } = options.nodes[node.name] as TreeNodeOptions;
    await node.writeIniFiles(QUEUE, options.ini ?? []);
    if (options.tables !== undefined) await node.query(asRole(role, options.tables));
    const location = node.database.conninfo;
    if (provider === undefined) {
      if (options.rows !== undefined) await node.query(options.rows);
      await node.prepare('create-root', node.name, location);
      for (const [verb = '', ...words] of options.rootCommands ?? []) await node.prepare(verb, ...words);
      await node.query("select pgq.set_queue_config($1, 'ticker_max_lag', '50 milliseconds')", [QUEUE]);
    } else {
      const verb = isBranch === true ? 'create-branch' : 'create-leaf';
      const { conninfo } = tree.node(provider).database;
      await node.prepare(verb, node.name, location, `--provider=${conninfo}`);
    }
    if (provider === undefined || isBranch === true) node.startTicker();
    node.startWorker();
  }
  if (options.tables !== undefined) await addAll(tree, options.expectSync === true ? ['--expect-sync'] : []);
}

async function addAll(tree: Tree, words: readonly string[]): Promise<void> {
  const [root, ...others] = tree.nodes as [TestNode, ...TestNode[]];
  for (const node of tree.nodes) {
    await node.prepare('add-table', '--all', ...words);
    await node.prepare('add-seq', '--all');
    // Before those below it begin: a copy from a branch that is copying itself may have to be made again.
    if (node !== root) await node.prepare('wait-sync');
  }
  await tree.caughtUp(root, others);
}

/** The SQL, run by a role. */
function asRole(role: string | undefined, sql: string): string {
  return role === undefined ? sql : `set role ${role}; ${sql}; reset role`;
}

/** Gives a database to a role, which is made when it is not there; the programs' connect string is that role's. */
async function givenTo(database: FreshDatabase, role: string): Promise<FreshDatabase> {
  await database.query(`do $$ begin
    if not exists (select from pg_roles where rolname = '${role}') then create role ${role} login; end if; end $$`);
  await database.query(`alter database "${database.name}" owner to ${role}`);
  return { ...database, conninfo: database.conninfo.replace('user=postgres', `user=${role}`) };
}

/** A database for a node; our schemas are in it where that makes no difference to the node. */
async function openDatabase(
  { major, encoding, folder }: TreeNodeOptions,
  prefix: string,
  { nodes, ownServers, settings = {} }: TreeOptions,
): Promise<{ database: FreshDatabase; isInstalled: boolean }> {
  // Who may do little installs by himself, and on such a server our roles are not there.
  const isBare = Object.values(nodes).some(({ role }) => role !== undefined);
  if (ownServers !== true) {
    const cluster = await (isBare ? bareCluster(major) : sharedCluster(major));
    const template = cluster.installedDatabase;
    const database = await freshDatabaseOn(cluster, prefix, template);
    return { database, isInstalled: template !== undefined };
  }
  const cluster = await startCluster(major, { settings, isBare, folder });
  const template = encoding === undefined ? cluster.installedDatabase : undefined;
  await cluster.createDatabase(prefix, encoding, template);
  const database: FreshDatabase = {
    cluster,
    name: prefix,
    conninfo: cluster.conninfo(prefix),
    url: cluster.url(prefix),
    connect: () => cluster.connect(prefix),
    application: () => cluster.application(prefix),
    query: (sql, values) => cluster.query(prefix, sql, values),
    [Symbol.asyncDispose]: () => cluster.stop(),
  };
  return { database, isInstalled: template !== undefined };
}

/** Runs all steps, also after one failed; throws the first error. */
async function runAll(steps: readonly CleanUp[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) {
    await step().catch((error: unknown) => errors.push(error));
  }
  if (errors.length > 0) throw errors[0];
}
