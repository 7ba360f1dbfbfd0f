import { openConnection } from '../src/db/connect.js';
import type { Connection } from '../src/db/connection.js';
import type { EmbeddedServer } from '../src/demo/embedded-server.js';
import { startStockServer } from '../test/support/stock-server.js';
import { drainSlot } from './capture-drain.js';
import { captureByLogutriga, captureByOurs } from './capture-queues.js';

export type SideName = 'none' | 'ours' | 'logutriga' | 'native';

/** One database whose writes are captured in one way. Its session is as an application's. */
export interface Side {
  readonly name: SideName;
  readonly port: number;
  readonly database: string;
  readonly session: Connection;
  /** Puts a table that is there under capture. */
  capture(table: string): Promise<void>;
  /** Events of row changes since the last `settle`; undefined where nothing counts them. */
  countEvents(): Promise<number | undefined>;
  /** Forgets what was captured; nothing of it is worked on any more when it returns. */
  settle(): Promise<void>;
}

/** How a side captures: what `Side` says, bound to one database. */
export type Capture = Pick<Side, 'capture' | 'countEvents' | 'settle'>;

export interface Sides extends AsyncDisposable {
  readonly all: readonly Side[];
  /** One more database with our SQL, on the server of `none`, `ours` and `logutriga`. */
  openOurs(database: string): Promise<Side>;
}

/** As production has it, save that no checkpoint comes in between: the bench makes them. */
const SETTINGS = {
  fsync: 'on',
  full_page_writes: 'on',
  shared_buffers: '1GB',
  max_wal_size: '8GB',
  checkpoint_timeout: '1h',
  autovacuum: 'on',
};

/**
 * Starts both servers with a database for each side. Disposing ends all of it; when this process dies in another way the
 * servers end with it, and what is connected to them.
 */
export async function openSides(): Promise<Sides> {
  const servers: EmbeddedServer[] = [];
  const sessions: Connection[] = [];
  const ends: (() => Promise<void>)[] = [];
  const end = async () => {
    await Promise.all(ends.map((each) => each()));
    await Promise.all(sessions.map((session) => session.close()));
    await Promise.all(servers.map((server) => server.stop()));
  };
  const start = async (settings: Readonly<Record<string, string>>) => {
    const server = await startStockServer({ ...SETTINGS, ...settings });
    servers.push(server);
    return server;
  };
  const open = async (
    server: EmbeddedServer,
    name: SideName,
    database: string,
    bind: (session: Connection) => Promise<Capture>,
  ): Promise<Side> => {
    {
      await using first = await connect(server, 'postgres');
      await first.execute(`create database ${database} template template0`);
    }
    const session = await connect(server, database);
    sessions.push(session);
    await session.execute('reset all');
    return { name, port: server.port, database, session, ...(await bind(session)) };
  };
  try {
    const plain = await start({});
    const logical = await start({ wal_level: 'logical' });
    const openOurs = (database: string) =>
      open(plain, 'ours', database, async (session) => {
        await using own = await connect(plain, database);
        // Awaited here: `own` ends with this block.
        return await captureByOurs(session, own, () => connect(plain, database));
      });
    const all = [
      await open(plain, 'none', 'none', async () => NO_CAPTURE),
      await openOurs('ours'),
      await open(plain, 'logutriga', 'logutriga', captureByLogutriga),
      await open(logical, 'native', 'native', async (session) => {
        const drain = await drainSlot(session, logical.port, 'native');
        ends.push(drain.stop);
        return { ...NO_CAPTURE, settle: drain.caughtUp };
      }),
    ];
    return { all, openOurs, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

const NO_CAPTURE: Capture = {
  capture: async () => undefined,
  countEvents: async () => undefined,
  settle: async () => undefined,
};

function connect(server: EmbeddedServer, database: string): Promise<Connection> {
  const parameters = { host: '127.0.0.1', port: server.port, database, user: 'postgres' };
  return openConnection(parameters, { application: 'bench' });
}
