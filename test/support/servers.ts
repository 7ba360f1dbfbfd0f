import { openConnection } from '../../src/db/connect.js';
import { type EmbeddedServer, startEmbeddedServer } from '../../src/demo/embedded-server.js';
import { INSTALLED_DATABASE, makeInstalledTemplate } from './installed-template.js';
import { serverFolder } from './server-folder.js';
import { waitUntil } from './wait-until.js';

/** Where a test server can be reached, and how it is ended. */
export interface TestServer {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string | undefined;
  /** The database to copy for one in which all our schemas are installed; undefined when there is none. */
  readonly installedDatabase?: string | undefined;
  /** SIGKILL, as a power cut. */
  kill(): Promise<void>;
  /** Starts it after `kill`, or ends and starts it, on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

export interface TestServerOptions {
  readonly settings?: Readonly<Record<string, string>>;
  /** Nothing of ours was ever installed there: neither our roles exist nor a database to copy. */
  readonly isBare?: boolean;
  /** The existing folder in which an embedded server has its data. */
  readonly folder?: string | undefined;
}

/**
 * Starts a server of the given major version, by the means that PGCASCADE_TEST_SERVERS names: `embedded` (default),
 * `containers` (Docker is needed) or `urls` (running servers, PGCASCADE_TEST_URL_<major>).
 */
export async function startServer(major: number, options: TestServerOptions = {}): Promise<TestServer> {
  const means = process.env['PGCASCADE_TEST_SERVERS'] ?? 'embedded';
  switch (means) {
    case 'embedded':
      return embedded(major, options);
    case 'containers':
      return container(major, options);
    case 'urls':
      return byUrl(major);
    default:
      throw new Error(`PGCASCADE_TEST_SERVERS=${means}: write embedded, containers or urls.`);
  }
}

async function embedded(major: number, options: TestServerOptions): Promise<TestServer> {
  const templates =
    process.env[options.isBare === true ? 'PGCASCADE_TEST_BARE_TEMPLATES' : 'PGCASCADE_TEST_TEMPLATES'];
  const isInstalled = templates !== undefined && options.isBare !== true;
  if (isInstalled) await makeInstalledTemplate(templates, major);
  const server: EmbeddedServer = await startEmbeddedServer({
    major,
    settings: options.settings ?? {},
    templates,
    parent: options.folder ?? serverFolder(),
  });
  return {
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    installedDatabase: isInstalled ? INSTALLED_DATABASE : undefined,
    kill: () => server.kill(),
    restart: () => server.restart(),
    stop: () => server.stop(),
  };
}

async function container(major: number, options: TestServerOptions): Promise<TestServer> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const settings = { fsync: 'off', max_connections: '100', ...options.settings };
  const started = await new GenericContainer(`postgres:${major}`)
    .withEnvironment({ POSTGRES_HOST_AUTH_METHOD: 'trust', POSTGRES_INITDB_ARGS: '--locale=C -E UTF8' })
    .withCommand([
      'postgres',
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ])
    .withExposedPorts(5432)
    .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/, 2))
    .start();
  const parameters = {
    host: started.getHost(),
    port: started.getMappedPort(5432),
    database: 'postgres',
    user: 'postgres',
  };
  return {
    host: parameters.host,
    port: parameters.port,
    user: 'postgres',
    kill: async () => {
      await started.exec(['kill', '-KILL', '1']);
    },
    restart: async () => {
      await started.restart();
      await waitUntil('the container takes connections', async () => {
        try {
          await using connection = await openConnection(parameters, { application: 'test' });
          return connection.isOpen;
        } catch {
          // Not yet; waitUntil has the deadline.
          return false;
        }
      });
    },
    stop: async () => {
      await started.stop();
    },
  };
}

function byUrl(major: number): TestServer {
  const name = `PGCASCADE_TEST_URL_${major}`;
  const text = process.env[name];
  if (text === undefined)
    throw new Error(`${name} is not set: it names the PostgreSQL ${major} to test with.`);
  const url = new URL(text);
  const refuse = () => Promise.reject(new Error(`The server of ${name} is not ours to stop.`));
  return {
    host: url.hostname,
    port: Number(url.port || 5432),
    user: decodeURIComponent(url.username || 'postgres'),
    ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
    kill: refuse,
    restart: refuse,
    stop: () => Promise.resolve(),
  };
}
