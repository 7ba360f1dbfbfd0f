import type { Connection, Row } from '../../../src/db/connection.js';
import { installedDatabase } from '../../support/installed-database.js';

/** The server versions that every routine is tested on. */
export const MAJORS = [10, 18] as const;

export interface Answer extends Row {
  readonly ret_code: number;
  readonly ret_note: string;
}

/** An event as it stands in the event tables, without its id and time. */
export type StoredEvent = readonly [
  type: string,
  data: string,
  extra1: string | null,
  extra2: string | null,
  extra3: string | null,
];

/** A database with the schemas pgq, pgq_node and londiste, and no queue. */
export interface NodeFixture extends AsyncDisposable {
  /** Name of the database, unique on its server. */
  readonly name: string;
  /** A session as an application has it. */
  readonly session: Connection;
  /** One more session; closed with the fixture. */
  open(): Promise<Connection>;
  /** The rows of `select * from <call>`. */
  rows<R extends Row = Row>(call: string, values?: readonly unknown[]): Promise<R[]>;
  /** The one row of `select * from <call>`. */
  row<R extends Row = Row>(call: string, values?: readonly unknown[]): Promise<R>;
  /** `ret_code ret_note` of `select * from <call>`. */
  answer(call: string, values?: readonly unknown[]): Promise<string>;
  /** The ret_code of `select * from <call>`. */
  code(call: string, values?: readonly unknown[]): Promise<number>;
  /** Runs statements. */
  run(sql: string): Promise<void>;
  /** All events of a queue in the order of their ids. */
  events(queue?: string): Promise<StoredEvent[]>;
  /** Makes a tick now, whatever the settings of the queue say. */
  tick(queue?: string): Promise<bigint>;
  /** Makes this database the root `n1` of the queue, with worker `w1`. */
  makeRoot(queue?: string): Promise<void>;
  /** Makes this database the branch or leaf `n2` of the queue, with worker `w2` and provider `n1`. */
  makeReplica(
    type: 'branch' | 'leaf',
    queue?: string,
    options?: { readonly watermark?: number; readonly combinedQueue?: string },
  ): Promise<void>;
}

export async function openNode(major: number): Promise<NodeFixture> {
  const database = await installedDatabase(major, 'node', [
    'pgq',
    'pgq_ext',
    'pgq_node',
    'pgq_coop',
    'londiste',
  ]);
  const sessions: Connection[] = [];
  const open = async () => {
    const session = await database.application();
    sessions.push(session);
    return session;
  };
  const session = await open();

  const row = <R extends Row = Row>(call: string, values?: readonly unknown[]) =>
    session.one<R>(`select * from ${call}`, values);
  const must = async (call: string, values?: readonly unknown[]) => {
    const { ret_code, ret_note } = await row<Answer>(call, values);
    if (ret_code >= 300) throw new Error(`${call}: ${ret_code} ${ret_note}`);
  };

  return {
    name: database.name,
    session,
    open,
    rows: (call, values) => session.query(`select * from ${call}`, values),
    row,
    answer: async (call, values) => {
      const { ret_code, ret_note } = await row<Answer>(call, values);
      return `${ret_code} ${ret_note}`;
    },
    code: async (call, values) => (await row<Answer>(call, values)).ret_code,
    run: async (sql) => {
      await session.execute(sql);
    },
    events: async (queue = 'q') => {
      const { pfx } = await session.one<{ pfx: string }>(
        'select queue_data_pfx as pfx from pgq.queue where queue_name = $1',
        [queue],
      );
      return (await session.queryArrays(
        `select ev_type, ev_data, ev_extra1, ev_extra2, ev_extra3 from ${pfx} order by ev_id`,
      )) as unknown as StoredEvent[];
    },
    tick: async (queue = 'q') => {
      await session.query("select pgq.set_queue_config($1, 'ticker_max_lag', '0')", [queue]);
      await session.query("select pgq.set_queue_config($1, 'ticker_idle_period', '0')", [queue]);
      return (await session.one<{ tick: bigint }>('select pgq.ticker($1) as tick', [queue])).tick;
    },
    makeRoot: async (queue = 'q') => {
      await must('pgq_node.register_location($1, $2, $3, false)', [queue, 'n1', 'dbname=one']);
      await must("pgq_node.create_node($1, 'root', 'n1', 'w1', null, null, null)", [queue]);
    },
    makeReplica: async (type, queue = 'q', { watermark = 1, combinedQueue } = {}) => {
      await must('pgq_node.register_location($1, $2, $3, false)', [queue, 'n1', 'dbname=one']);
      await must('pgq_node.register_location($1, $2, $3, false)', [queue, 'n2', 'dbname=two']);
      await must("pgq_node.create_node($1, $2, 'n2', 'w2', 'n1', $3, $4)", [
        queue,
        type,
        watermark,
        combinedQueue ?? null,
      ]);
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(sessions.map((s) => s.close()));
      await database[Symbol.asyncDispose]();
    },
  };
}
