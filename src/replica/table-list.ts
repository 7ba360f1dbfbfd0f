import { callRoutine } from '../cascade/call-api.js';
import type { Connection, Row } from '../db/connection.js';
import { type ConflictPolicy, readConflictPolicy } from './conflict-policy.js';
import { type TableState, tableState } from './table-state.js';

/** A table of the queue as one node knows it. */
export interface ReplicatedTable {
  /** Its name in the queue. */
  readonly name: string;
  /** Its name in this database. */
  readonly destTable: string;
  /** Replicated on this node, not only known in the cascade. */
  readonly isLocal: boolean;
  readonly state: TableState;
  /** Urlencoded, as Londiste stores them. */
  readonly attrs: string | null;
  /** What the worker does when an event cannot be applied; undefined: what its ini file says. */
  readonly conflictPolicy: ConflictPolicy | undefined;
  /** How many changes were left out since it was copied, because their rows are not here. */
  readonly leftOut: bigint;
}

interface TableRow extends Row {
  readonly table_name: string;
  readonly dest_table: string | null;
  readonly local: boolean;
  readonly merge_state: string | null;
  readonly table_attrs: string | null;
  readonly error_code: string | null;
  readonly error_message: string | null;
  /** Not where the SQL is older. */
  readonly policy?: string | null;
  readonly left_out?: bigint;
}

/** All tables of a queue that this node knows, in order of registration. Works on nodes of the original too. */
export async function readTables(connection: Connection, queueName: string): Promise<ReplicatedTable[]> {
  const { ours } = await connection.one<{ ours: boolean }>(
    "select to_regprocedure('pgcascade.table_list(text)') is not null as ours",
  );
  const rows = await callRoutine<TableRow>(
    connection,
    ours
      ? 'select * from pgcascade.table_list($1)'
      : `select table_name, dest_table, local, merge_state, table_attrs,
                null::text as error_code, null::text as error_message
           from londiste.get_table_list($1)`,
    [queueName],
  );
  return rows.map((row) => ({
    name: row.table_name,
    destTable: row.dest_table ?? row.table_name,
    isLocal: row.local,
    state: tableState({
      isLocal: row.local,
      mergeState: row.merge_state,
      errorCode: row.error_code,
      errorMessage: row.error_message,
    }),
    attrs: row.table_attrs,
    conflictPolicy: readConflictPolicy(row.policy ?? null),
    leftOut: row.left_out ?? 0n,
  }));
}
