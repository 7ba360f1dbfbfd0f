import { pino } from 'pino';
import { loadCommand } from '../../src/cli/commands.js';
import { explainFailure } from '../../src/cli/explain-failure.js';
import type { ReplicateConfig } from '../../src/config/replicate-config.js';
import { createConnect } from '../../src/db/connect.js';
import type { Connection, Row } from '../../src/db/connection.js';
import { sqlstateOf } from '../../src/db/sqlstate.js';
import type { ExitCode } from '../../src/errors/catalogue.js';
import { ReplicateError } from '../../src/errors/replicate-error.js';
import { type FreshDatabase, freshDatabase } from '../support/cluster.js';
import { installedDatabase } from '../support/installed-database.js';

export const QUEUE = 'app';

/** What a command ended with: its exit code, or that of the error it threw. */
export interface CommandOutcome {
  readonly exitCode: ExitCode;
  /** Code of the error; undefined when none was thrown. */
  readonly code?: string;
  readonly message?: string;
  readonly lines: readonly string[];
}

type Options = Readonly<Record<string, unknown>>;

/** A database with the ini file of its node; commands run in this process. */
export class CommandNode implements AsyncDisposable {
  readonly name: string;
  readonly database: FreshDatabase;
  /** Its schemas are installed: to load all routines again takes half a second, and is no subject. */
  readonly isInstalled: boolean;
  readonly config: ReplicateConfig;

  constructor(
    name: string,
    database: FreshDatabase,
    overrides: Partial<ReplicateConfig> = {},
    isInstalled = false,
  ) {
    this.name = name;
    this.isInstalled = isInstalled;
    this.database = database;
    this.config = {
      ...DEFAULTS,
      db: database.conninfo,
      jobName: `${name}_worker`,
      consumerName: `${name}_worker`,
      ...overrides,
    };
  }

  get conninfo(): string {
    return this.database.conninfo;
  }

  /** The same database seen by another ini file. */
  with(overrides: Partial<ReplicateConfig>): CommandNode {
    return new CommandNode(this.name, this.database, { ...this.config, ...overrides }, this.isInstalled);
  }

  /** Runs `replicate INI verb args…`. Options as commander names them. */
  async run(verb: string, args: readonly string[] = [], options: Options = {}): Promise<CommandOutcome> {
    const lines: string[] = [];
    const command = await loadCommand(verb);
    const context = {
      config: this.config,
      connect: createConnect(process.env),
      log: pino({ level: 'silent' }),
      signal: new AbortController().signal,
      output: {
        print: (line: string) => void lines.push(line),
        raw: (text: string) => void lines.push(text),
        isTerminal: false,
        columns: 100,
      },
      ...(this.isInstalled ? { install: async () => ({ changed: [] }) } : {}),
    };
    try {
      return { exitCode: await command.run(context, args, options), lines };
    } catch (error) {
      if (error instanceof ReplicateError) {
        return { exitCode: error.entry.exitCode, code: error.code, message: error.message, lines };
      }
      if (sqlstateOf(error) === undefined) throw error;
      const { exitCode, line } = explainFailure('replicate', error);
      return { exitCode, message: line, lines };
    }
  }

  /** As `run`; throws when the exit code is not 0. Returns what was printed. */
  async must(verb: string, args: readonly string[] = [], options: Options = {}): Promise<readonly string[]> {
    const outcome = await this.run(verb, args, options);
    if (outcome.exitCode !== 0) throw new Error(`${verb}: ${outcome.message ?? outcome.lines.join('; ')}`);
    return outcome.lines;
  }

  query<R extends Row = Row>(sql: string, values?: readonly unknown[]): Promise<R[]> {
    return this.database.query<R>(sql, values);
  }

  connect(): Promise<Connection> {
    return this.database.connect();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.database[Symbol.asyncDispose]();
  }
}

/** An empty database on the shared server of this major version. */
export async function openCommandNode(name: string, major: number): Promise<CommandNode> {
  return new CommandNode(name, await freshDatabase(major, name));
}

/** A root and a leaf below it; no tables are added and no programs run. */
export async function openPair(
  from: number,
  to: number,
): Promise<AsyncDisposable & { root: CommandNode; leaf: CommandNode }> {
  const root = new CommandNode('root', await installedDatabase(from, 'root'), {}, true);
  const leaf = new CommandNode('leaf', await installedDatabase(to, 'leaf'), {}, true);
  await root.must('create-root', ['root', root.conninfo]);
  await leaf.must('create-leaf', ['leaf', leaf.conninfo], { provider: root.conninfo });
  return {
    root,
    leaf,
    async [Symbol.asyncDispose]() {
      await leaf[Symbol.asyncDispose]();
      await root[Symbol.asyncDispose]();
    },
  };
}

const DEFAULTS: Omit<ReplicateConfig, 'db' | 'jobName' | 'consumerName'> = {
  queueName: QUEUE,
  logfile: undefined,
  pidfile: undefined,
  nodeName: undefined,
  publicNodeLocation: undefined,
  initialProviderLocation: undefined,
  loopDelayMs: 50,
  exceptionSleepMs: 500,
  copySplitSize: 64 * 1024 * 1024,
  copyRateLimit: 0,
  copyLagLimitMs: 0,
  copyLatencyLimitMs: 0,
  copyMaintenanceWorkMem: undefined,
  parallelCopies: 2,
  lockTimeoutMs: 1_500,
  localWmPublishPeriodMs: 300_000,
  globalWmPublishPeriodMs: 300_000,
  seqMargin: 10_000,
  keepaliveStatsMs: 300_000,
  maxBlockRows: 20_000,
  maxBlockBytes: 8_000_000,
  bulkRows: 50,
  conflict: 'park',
  obfuscatorKey: undefined,
  shardInfoSql: undefined,
  shardHashFunc: undefined,
  compareSql: undefined,
  compareFmt: undefined,
  snapshotMaxAgeMs: 600_000,
};
