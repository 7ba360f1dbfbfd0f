import type { Connection } from '../db/connection.js';
import { fullName } from '../db/identifier.js';
import type { QueueEvent } from '../queue/event.js';
import type { HandlerSpec, TakenEvents, TakeOverPorts } from './contract.js';
import { findEventFunction } from './event-function.js';

/** The events of a table, given to a function one by one. */
export const applyfn: HandlerSpec = {
  name: 'applyfn',
  summary:
    "Calls a function of this node's database for every event of the table, in their order and in the transaction of the batch: fn(func_conf, tick_id, ev_id, ev_time, ev_txid, ev_retry, ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3, ev_extra4). Its parameters may have any types that the texts of these can be cast to. It runs with the search_path of the worker's role and with session_replication_role = replica; when it raises an error, the table is parked. The rows are copied first, unless --expect-sync says not to.",
  arguments: [
    { name: 'func_name', summary: 'The function, schema public by default.', isRequired: true },
    { name: 'func_conf', summary: 'Its first argument.' },
  ],
  commonArguments: [],
  example:
    'add-table orders --handler applyfn --handler-arg func_name=app.on_order --handler-arg func_conf=eu',
  async complete(args, { local }) {
    const name = args.get('func_name');
    if (name != null) await findEventFunction(local, name);
    return args;
  },
  bind({ own }) {
    const functionName = own.get('func_name') ?? '';
    const configuration = own.get('func_conf') ?? null;
    return {
      needsEventTime: true,
      notComparable: `What is here is made by the function ${fullName(functionName)}.`,
      takeOver: (ports) => openFunction(ports, functionName, configuration),
    };
  },
};

async function openFunction(
  { tx, batch }: TakeOverPorts,
  functionName: string,
  configuration: string | null,
): Promise<TakenEvents> {
  const callSql = await findEventFunction(tx, functionName);
  return {
    async write(events) {
      await withSearchPathOfRole(tx, () =>
        tx.query(callSql, [configuration, batch.endTick, JSON.stringify(events.map(toRow))]),
      );
    },
    finish: () => Promise.resolve(),
  };
}

/** The worker retries no event, so `ev_retry` is null. */
function toRow({ id, time, txid, type, data, extra1, extra2, extra3, extra4 }: QueueEvent): object {
  return {
    ev_id: `${id}`,
    ev_time: time,
    ev_txid: `${txid}`,
    ev_retry: null,
    ev_type: type,
    ev_data: data,
    ev_extra1: extra1,
    ev_extra2: extra2,
    ev_extra3: extra3,
    ev_extra4: extra4,
  };
}

/** Our own search_path is pg_catalog; a function of the user's may count on the one that is set for role and database. */
async function withSearchPathOfRole(tx: Connection, work: () => Promise<unknown>): Promise<void> {
  await tx.query(
    "select set_config('search_path', (select reset_val from pg_settings where name = 'search_path'), true)",
  );
  await work();
  await tx.query("select pg_catalog.set_config('search_path', 'pg_catalog', true)");
}
