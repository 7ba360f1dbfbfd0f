import { callRoutine } from '../cascade/call-api.js';
import { readWorkerSign } from '../cascade/worker-sign.js';
import type { Connection, Row } from '../db/connection.js';
import { readCopyBlockers } from './copy-blockers.js';
import { type TableState, tableState } from './table-state.js';

/** How far the copy of a table is, as the worker wrote it last. */
export interface CopyProgress {
  readonly phase: string;
  readonly bytesDone: bigint;
  readonly bytesExpected: bigint;
  readonly rowsDone: bigint;
  /** An estimate; 0 when there is none. */
  readonly rowsExpected: bigint;
  /** How long it has been going on. */
  readonly seconds: number;
}

export interface TableProgress {
  readonly name: string;
  readonly state: TableState;
  readonly copy: CopyProgress | undefined;
  /** Who keeps the copy from a lock on the table here. */
  readonly blocker?: string | undefined;
}

/** The replicated tables of a node and what its worker does, at one moment. */
export interface SyncProgress {
  readonly tables: readonly TableProgress[];
  /** The worker is connected to this database and does something. */
  readonly isWorkerSeen: boolean;
  /** What the worker failed with last, if it has not gone on since: the first line. */
  readonly workerError: string | null;
  /** Changes whenever the worker has done something. */
  readonly fingerprint: string;
}

interface ProgressRow extends Row {
  readonly table_name: string | null;
  readonly merge_state: string | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
  readonly phase: string | null;
  readonly bytes_done: bigint | null;
  readonly bytes_expected: bigint | null;
  readonly rows_done: bigint | null;
  readonly rows_expected: bigint | null;
  readonly updated_at: string | null;
  readonly seconds: number | null;
  readonly dest_table: string | null;
  readonly last_tick_id: bigint | null;
  readonly cur_error: string | null;
}

/** Reads the state of all replicated tables and the progress of their copies. */
export async function readSyncProgress(
  connection: Connection,
  queueName: string,
  workerName: string,
): Promise<SyncProgress> {
  const rows = await callRoutine<ProgressRow>(
    connection,
    `select t.table_name, t.merge_state, t.error_code, t.error_message,
            p.phase, p.bytes_done, p.bytes_expected, p.rows_done, p.rows_expected, p.updated_at::text as updated_at,
            extract(epoch from p.updated_at - p.started_at)::float8 as seconds, t.dest_table,
            s.last_tick_id, s.cur_error
       from pgq_node.node_info as n
       join pgq_node.local_state as s
         on s.queue_name = n.queue_name
        and s.consumer_name = n.worker_name
       left join lateral (
            select l.table_name, l.dest_table, l.merge_state, l.error_code, l.error_message, $1 as part_queue, l.table_name as part_table
              from pgcascade.table_list($1) as l
             where l.local
            union all
            -- A merged table is in sync when all its parts are.
            select format('%s (queue %s)', o.own_table, o.queue_name), null, o.merge_state, e.error_code, e.message,
                   o.queue_name, o.table_name
              from pgcascade.other_parts($1, null) as o
              left join pgcascade.table_error as e
                on e.queue_name = o.queue_name
               and e.table_name = o.table_name
            ) as t
         on true
       left join pgcascade.copy_progress as p
         on p.queue_name = t.part_queue
        and p.table_name = t.part_table
      where n.queue_name = $1`,
    [queueName],
  );
  const isCopying = rows.some(
    ({ merge_state, error_code }) => merge_state === 'in-copy' && error_code === null,
  );
  const blockers = isCopying ? await readCopyBlockers(connection) : undefined;
  return {
    tables: rows.flatMap((row) =>
      row.table_name === null ? [] : [toTable(row.table_name, row, blockers?.get(row.dest_table ?? ''))],
    ),
    isWorkerSeen: (await readWorkerSign(connection, queueName, workerName)) === 'alive',
    workerError: rows[0]?.cur_error?.split('\n', 1)[0] ?? null,
    fingerprint: rows
      .map((row) => [row.table_name, row.merge_state, row.updated_at, row.last_tick_id].join(' '))
      .join('\n'),
  };
}

function toTable(name: string, row: ProgressRow, blocker: string | undefined): TableProgress {
  const state = tableState({
    isLocal: true,
    mergeState: row.merge_state,
    errorCode: row.error_code,
    errorMessage: row.error_message,
  });
  if (row.phase === null) return { name, state, copy: undefined, blocker };
  const copy = {
    phase: row.phase,
    bytesDone: row.bytes_done ?? 0n,
    bytesExpected: row.bytes_expected ?? 0n,
    rowsDone: row.rows_done ?? 0n,
    rowsExpected: row.rows_expected ?? 0n,
    seconds: row.seconds ?? 0,
  };
  return { name, state, copy, blocker };
}

/** What part of the rows is here, 0 to 1; undefined where nothing tells how many there are. Pure. */
export function fractionDone({
  rowsDone,
  rowsExpected,
  bytesDone,
  bytesExpected,
}: CopyProgress): number | undefined {
  // Without statistics on the provider the size of the table is all that there is.
  const [done, expected] = rowsExpected > 0n ? [rowsDone, rowsExpected] : [bytesDone, bytesExpected];
  return expected === 0n ? undefined : Math.min(1, Number(done) / Number(expected));
}

/** How long the rows will take that are not here yet, by the rate of those that are; undefined in other phases and at the beginning. Pure. */
export function secondsLeft(copy: CopyProgress): number | undefined {
  const fraction = fractionDone(copy);
  if (copy.phase !== 'data' || fraction === undefined || fraction === 0 || copy.seconds < 1) return undefined;
  return Math.round((copy.seconds * (1 - fraction)) / fraction);
}
