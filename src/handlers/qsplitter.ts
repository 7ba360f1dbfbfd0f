import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { QueueEvent } from '../queue/event.js';
import type { CompletePorts, HandlerSpec, TakenEvents } from './contract.js';

/** The events of a table in a queue of their own. */
export const qsplitter: HandlerSpec = {
  name: 'qsplitter',
  summary:
    "Puts the table's events into another queue of this node's database, with their type, data, extra1 to extra4 and time, in their order and exactly once: in the transaction of the batch. The table need not be there.",
  arguments: [{ name: 'queue', summary: 'The other queue, which must be there.', isRequired: true }],
  commonArguments: [],
  example: 'add-table app.orders_in --handler qsplitter --handler-arg queue=orders',
  async complete(args, { local }) {
    const queue = args.get('queue');
    if (queue != null) await requireQueue(local, queue);
    return args;
  },
  bind({ own }) {
    const queue = own.get('queue') ?? '';
    return {
      needsNoTable: true,
      needsNoCopy: true,
      needsEventTime: true,
      notComparable: `Its events go into the queue ${queue} and are no rows.`,
      takeOver: ({ tx }) => Promise.resolve(new SplitEvents(tx, queue)),
    };
  },
};

async function requireQueue(local: CompletePorts['local'], queue: string): Promise<void> {
  const found = await local.query('select from pgq.queue where queue_name = $1', [queue]);
  if (found.length > 0) return;
  throw new ReplicateError('PC410', `There is no queue "${queue}" at ${local.target}.`, { queue });
}

const INSERT_SQL = `
  select count(pgq.insert_event_raw($1, null, x.ev_time, null, null, x.ev_type, x.ev_data,
                                    x.ev_extra1, x.ev_extra2, x.ev_extra3, x.ev_extra4))
    from json_to_recordset($2::json) as x(ev_time timestamptz, ev_type text, ev_data text,
                                          ev_extra1 text, ev_extra2 text, ev_extra3 text, ev_extra4 text)`;

/** Written at once: a TRUNCATE or a script of the cascade does not touch the other queue. */
class SplitEvents implements TakenEvents {
  readonly #tx: Connection;
  readonly #queue: string;

  constructor(tx: Connection, queue: string) {
    this.#tx = tx;
    this.#queue = queue;
  }

  async write(events: readonly QueueEvent[]): Promise<void> {
    const rows = events.map(({ time, type, data, extra1, extra2, extra3, extra4 }) => ({
      ev_time: time,
      ev_type: type,
      ev_data: data,
      ev_extra1: extra1,
      ev_extra2: extra2,
      ev_extra3: extra3,
      ev_extra4: extra4,
    }));
    await this.#tx.query(INSERT_SQL, [this.#queue, JSON.stringify(rows)]);
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }
}
