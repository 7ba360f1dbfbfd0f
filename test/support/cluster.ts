import { randomBytes } from 'node:crypto';
import { openConnection } from '../../src/db/connect.js';
import type { Connection, Row } from '../../src/db/connection.js';
import { quoteIdentifier } from '../../src/db/identifier.js';
import { startServer, type TestServer, type TestServerOptions } from './servers.js';

/** A PostgreSQL server for tests. `startServer` says where it comes from. */
export class Cluster implements AsyncDisposable {
  readonly major: number;
  readonly #server: TestServer;
  readonly #sessions = new Map<string, Promise<Connection>>();
  readonly #lastQueries = new Map<string, Promise<unknown>>();

  /** Use `startCluster`, `sharedCluster` or `freshDatabase`. */
  constructor(major: number, server: TestServer) {
    this.major = major;
    this.#server = server;
  }

  get port(): number {
    return this.#server.port;
  }

  /** As in `TestServer`. */
  get installedDatabase(): string | undefined {
    return this.#server.installedDatabase;
  }

  /** The libpq connect string of one database, as a person writes it into an ini file. */
  conninfo(dbname: string): string {
    const { host, port, user, password } = this.#server;
    const secret = password === undefined ? '' : ` password=${password}`;
    return `host=${host} port=${port} dbname=${dbname} user=${user}${secret}`;
  }

  url(dbname: string): string {
    const { host, port, user, password } = this.#server;
    const secret = password === undefined ? '' : `:${encodeURIComponent(password)}`;
    return `postgresql://${user}${secret}@${host}:${port}/${encodeURIComponent(dbname)}`;
  }

  /** A session as our programs have it (design section 9): empty search_path, ISO dates, UTC. The caller closes it. */
  async connect(dbname: string): Promise<Connection> {
    const { host, port, user, password } = this.#server;
    return openConnection({ host, port, database: dbname, user, password }, { application: 'test' });
  }

  /** A session as an application has it: all settings are the server's defaults, search_path has `public`. The caller closes it. */
  async application(dbname: string): Promise<Connection> {
    const connection = await this.connect(dbname);
    await connection.execute('reset all');
    return connection;
  }

  /**
   * Runs one statement, or with no values several, in a session that is kept per database and is as an application's.
   * Statements of the same database wait for each other: for locks use `application`.
   */
  async query<R extends Row = Row>(dbname: string, sql: string, values?: readonly unknown[]): Promise<R[]> {
    const last = this.#lastQueries.get(dbname) ?? Promise.resolve();
    // Its failure was told to its caller.
    const result = last
      .catch(() => undefined)
      .then(async () => (await this.#session(dbname)).query<R>(sql, values));
    this.#lastQueries.set(dbname, result);
    return result;
  }

  /** Makes a database, empty or as a copy of `template`, which nobody may be connected to. */
  async createDatabase(name: string, encoding = 'UTF8', template = 'template0'): Promise<void> {
    await this.query(
      'postgres',
      `create database ${quoteIdentifier(name)} template ${quoteIdentifier(template)} encoding '${encoding}'`,
    );
  }

  /** Drops a database, with all sessions in it. */
  async dropDatabase(name: string): Promise<void> {
    await this.#closeSession(name);
    await this.query(
      'postgres',
      'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
      [name],
    );
    await this.query('postgres', `drop database if exists ${quoteIdentifier(name)}`);
  }

  /** SIGKILL to the server and all its processes. */
  async kill(): Promise<void> {
    await this.#closeSessions();
    await this.#server.kill();
  }

  /** Starts the server after `kill`, or ends and starts it. The port stays. */
  async restart(): Promise<void> {
    await this.#closeSessions();
    await this.#server.restart();
  }

  /** Ends the server and removes its data. Safe to repeat. */
  async stop(): Promise<void> {
    await this.#closeSessions();
    await this.#server.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #session(dbname: string): Promise<Connection> {
    const kept = this.#sessions.get(dbname);
    if (kept !== undefined && (await kept).isOpen) return kept;
    const opened = this.application(dbname);
    this.#sessions.set(dbname, opened);
    opened.catch(() => this.#sessions.delete(dbname));
    return opened;
  }

  async #closeSession(dbname: string): Promise<void> {
    const session = this.#sessions.get(dbname);
    this.#sessions.delete(dbname);
    // A session that could not be opened has told so to whoever asked for it.
    await session?.then((connection) => connection.close()).catch(() => undefined);
  }

  async #closeSessions(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((dbname) => this.#closeSession(dbname)));
  }
}

/** Starts a server of its own, for tests that kill it or need settings. The caller ends it. */
export async function startCluster(major: number, options: TestServerOptions = {}): Promise<Cluster> {
  return new Cluster(major, await startServer(major, options));
}

const shared = new Map<string, Promise<Cluster>>();

/** The server of this major version that all tests of one file share. It ends with the test process. */
export function sharedCluster(major: number): Promise<Cluster> {
  return sharedAs(`${major}`, () => startCluster(major));
}

/** The same for tests in which a role that may do little installs: our roles are not there unless a test made them. */
export function bareCluster(major: number): Promise<Cluster> {
  return sharedAs(`${major} bare`, () => startCluster(major, { isBare: true }));
}

function sharedAs(kind: string, start: () => Promise<Cluster>): Promise<Cluster> {
  const cluster = shared.get(kind) ?? start();
  shared.set(kind, cluster);
  return cluster;
}

/** A database of one test. */
export interface FreshDatabase extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly name: string;
  readonly conninfo: string;
  readonly url: string;
  /** A session as our programs have it. The caller closes it. */
  connect(): Promise<Connection>;
  /** A session as an application has it. The caller closes it. */
  application(): Promise<Connection>;
  /** As `Cluster.query`. */
  query<R extends Row = Row>(sql: string, values?: readonly unknown[]): Promise<R[]>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Makes an empty database on the shared server of this major version. Disposing drops it. */
export async function freshDatabase(major: number, prefix = 'test'): Promise<FreshDatabase> {
  return freshDatabaseOn(await sharedCluster(major), prefix);
}

/** Makes a database on a server, empty or as a copy of `template`. Disposing drops it. */
export async function freshDatabaseOn(
  cluster: Cluster,
  prefix = 'test',
  template?: string,
  encoding = 'UTF8',
): Promise<FreshDatabase> {
  const name = `${prefix}_${randomBytes(4).toString('hex')}`;
  await cluster.createDatabase(name, encoding, template);
  return {
    cluster,
    name,
    conninfo: cluster.conninfo(name),
    url: cluster.url(name),
    connect: () => cluster.connect(name),
    application: () => cluster.application(name),
    query: (sql, values) => cluster.query(name, sql, values),
    [Symbol.asyncDispose]: () => cluster.dropDatabase(name),
  };
}
