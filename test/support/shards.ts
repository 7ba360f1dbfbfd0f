import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'vitest';
import { waitUntilCaughtUp } from './caught-up.js';
import type { FreshDatabase } from './cluster.js';
import { installedDatabase } from './installed-database.js';
import { TestNode } from './test-node.js';

/** Many processes share the machine. */
const PATIENCE_MS = 200_000;

/** One queue: its root, and its leaf in the database where the queues meet. */
export interface Shard {
  readonly queue: string;
  /** 1, 2, …: keys of shard n leave the remainder n when divided by 10. */
  readonly number: number;
  readonly root: TestNode;
  readonly leaf: TestNode;
}

export interface ShardsOptions {
  /** Major versions of the shards' servers. */
  readonly from: readonly number[];
  /** Major version of the server where they meet. */
  readonly to: number;
  /** Makes the tables, everywhere. */
  readonly tables: string;
  /** Fills a shard. */
  readonly rows: (shard: number) => string;
  /** Merge the queues into one of this name, whose root is the database where they meet. */
  readonly combined?: string;
}

/** Several roots whose leaves are in one database. */
export class Shards implements AsyncDisposable {
  readonly folder: string;
  readonly shards: Shard[] = [];
  /** The root of the combined queue; else any of the leaves. */
  meeting!: TestNode;
  readonly #writers: Writer[] = [];
  readonly #cleanUp: (() => Promise<unknown>)[];

  constructor(folder: string, cleanUp: (() => Promise<unknown>)[]) {
    this.folder = folder;
    this.#cleanUp = cleanUp;
  }

  /** Makes one more database, in which our schemas are installed. */
  async openDatabase(major: number, prefix: string): Promise<FreshDatabase> {
    const database = await installedDatabase(major, prefix);
    this.#cleanUp.unshift(() => database[Symbol.asyncDispose]());
    return database;
  }

  /** Makes one more node's ini file; a database may be that of several nodes, each of its own queue. */
  async openNode(name: string, queue: string, database: FreshDatabase): Promise<TestNode> {
    const node = new TestNode(name, this.folder, database, true);
    this.#cleanUp.unshift(() => node.stopPrograms());
    await node.writeIniFiles(queue, ['global_wm_publish_period = 2', 'local_wm_publish_period = 2']);
    return node;
  }

  shard(number: number): Shard {
    return this.shards[number - 1] as Shard;
  }

  /** Lets an application write to all shards until `stopWriting`. */
  startWriting(write: (shard: number, round: number) => string): void {
    for (const shard of this.shards) this.#writers.push(new Writer(shard, write));
  }

  async stopWriting(): Promise<void> {
    for (const writer of this.#writers.splice(0)) await writer.stop();
  }

  /** Waits until the leaves have all that is committed on the roots now, and all their tables are in sync. */
  async caughtUp(): Promise<void> {
    for (const { queue, root, leaf } of this.shards)
      await waitUntilCaughtUp(queue, root, [leaf], PATIENCE_MS);
  }

  /** Expects that a table of some node holds the rows of all shards, each as often as there, and no other. */
  async expectUnion(table: string, where: TestNode = this.meeting): Promise<void> {
    const sources = await Promise.all(this.shards.map(({ root }) => readRows(root, table)));
    expect(await readRows(where, table), `${table} of ${where.name}`).toEqual(sources.flat().sort());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await runAll([() => this.stopWriting(), ...this.#cleanUp]);
  }
}

/** Sets up roots, their tables and rows, and a leaf of each in one database; nothing is added there yet. */
export async function openShards(options: ShardsOptions): Promise<Shards> {
  const folder = await mkdtemp(join(tmpdir(), 'pgcascade-shards-'));
  const shards = new Shards(folder, [() => rm(folder, { recursive: true, force: true })]);
  try {
    await setUp(shards, options);
    return shards;
  } catch (error) {
    await shards[Symbol.asyncDispose]();
    throw error;
  }
}

async function setUp(shards: Shards, options: ShardsOptions): Promise<void> {
  const { from, to, tables, rows, combined } = options;
  const meetingPoint = await shards.openDatabase(to, 'meeting');
  await meetingPoint.query(tables);
  if (combined !== undefined) {
    shards.meeting = await shards.openNode('meeting', combined, meetingPoint);
    await makeRoot(shards.meeting, combined);
  }
  for (const [index, major] of from.entries()) {
    const number = index + 1;
    const queue = `q${number}`;
    const root = await shards.openNode(`root${number}`, queue, await shards.openDatabase(major, queue));
    await root.query(tables);
    await root.query(rows(number));
    await makeRoot(root, queue);
    await root.prepare('add-table', '--all');
    const leaf = await shards.openNode(`leaf${number}`, queue, meetingPoint);
    const merge = combined === undefined ? [] : [`--merge=${combined}`];
    const provider = `--provider=${root.database.conninfo}`;
    await leaf.prepare('create-leaf', leaf.name, leaf.database.conninfo, provider, ...merge);
    leaf.startWorker();
    shards.shards.push({ queue, number, root, leaf });
  }
  shards.meeting ??= shards.shard(1).leaf;
}

/** Makes a node the root of its queue, with ticker and worker. */
async function makeRoot(node: TestNode, queue: string): Promise<void> {
  await node.prepare('create-root', node.name, node.database.conninfo);
  await node.query("select pgq.set_queue_config($1, 'ticker_max_lag', '400 milliseconds')", [queue]);
  node.startTicker();
  node.startWorker();
}

async function readRows(node: TestNode, table: string): Promise<string[]> {
  const rows = await node.query<{ row: string }>(`select t::text as row from ${table} as t`);
  return rows.map(({ row }) => row).sort();
}

/** An application on one shard that writes until it is stopped. */
class Writer {
  #stopping = false;
  readonly #ended: Promise<void>;

  constructor(shard: Shard, write: (shard: number, round: number) => string) {
    this.#ended = this.#run(shard, write);
    // Whoever stops it is told.
    this.#ended.catch(() => undefined);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#ended;
  }

  async #run(shard: Shard, write: (shard: number, round: number) => string): Promise<void> {
    await using connection = await shard.root.application();
    for (let round = 1; !this.#stopping; round++) {
      await connection.execute(write(shard.number, round));
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function runAll(steps: readonly (() => Promise<unknown>)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const step of steps) await step().catch((error: unknown) => errors.push(error));
  if (errors.length > 0) throw errors[0];
}
