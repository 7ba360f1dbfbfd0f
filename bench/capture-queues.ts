import { createRoot } from '../src/cascade/create-root.js';
import { tableLock } from '../src/cli/table-lock.js';
import { createConnect } from '../src/db/connect.js';
import type { Connection } from '../src/db/connection.js';
import { installSchemas } from '../src/install/install-schemas.js';
import { addTable } from '../src/replica/add-table.js';
import type { Capture } from './capture-sides.js';

const QUEUE = 'bench';
const LOCK_TIMEOUT_MS = 10_000;

/**
 * Makes the database a root as `replicate create-root` does, and its tables replicated as `add-table` does. `own` is a
 * session in our session state, `connect` opens more of them.
 */
export async function captureByOurs(
  session: Connection,
  own: Connection,
  connect: () => Promise<Connection>,
): Promise<Capture> {
  await installSchemas(own);
  await createRoot(own, {
    queueName: QUEUE,
    nodeName: 'root',
    workerName: 'root_worker',
    publicLocation: 'host=127.0.0.1',
    checkLocation: false,
    connect: createConnect({}),
  });
  // As the ticker does before long: the queue's sequence says which event table is written.
  await own.query('select pgq.ticker()');
  return {
    ...(await eventsOf(session)),
    async capture(table) {
      await using connection = await connect();
      await addTable(connection, {
        queueName: QUEUE,
        tableName: `public.${table}`,
        purpose: 'capture',
        expectSync: false,
        attributes: null,
        isVirtual: false,
        withTableLock: tableLock(connection, LOCK_TIMEOUT_MS),
      });
    },
  };
}

/** The stock extension with the trigger that Londiste makes. */
export async function captureByLogutriga(session: Connection): Promise<Capture> {
  await session.execute('create extension pgq');
  await session.query('select pgq.create_queue($1)', [QUEUE]);
  return {
    ...(await eventsOf(session)),
    async capture(table) {
      await session.execute(`
        create trigger capture after insert or update or delete on ${table}
           for each row execute procedure pgq.logutriga('${QUEUE}')`);
    },
  };
}

async function eventsOf(session: Connection): Promise<Pick<Capture, 'countEvents' | 'settle'>> {
  const { parent, parts } = await session.one<{ parent: string; parts: string }>(
    `select queue_data_pfx as parent, string_agg(queue_data_pfx || '_' || i, ', ') as parts
       from pgq.queue, generate_series(0, queue_ntables - 1) as i
      where queue_name = $1
      group by 1`,
    [QUEUE],
  );
  return {
    async countEvents() {
      // A table without capture would be cheap: whoever measures has to know that the events are there.
      return Number((await session.one<{ n: bigint }>(`select count(*) as n from ${parent}`)).n);
    },
    async settle() {
      await session.execute(`truncate ${parts}`);
    },
  };
}
