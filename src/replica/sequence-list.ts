import { callRoutine } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';

/** A sequence of the queue as one node knows it. */
export interface ReplicatedSequence {
  readonly name: string;
  /** The value that was published last: other nodes are set to it. */
  readonly lastValue: bigint;
  readonly isLocal: boolean;
}

/** All sequences of a queue that this node knows. */
export async function readSequences(
  connection: Connection,
  queueName: string,
): Promise<ReplicatedSequence[]> {
  const rows = await callRoutine<{ seq_name: string; last_value: bigint; local: boolean }>(
    connection,
    'select seq_name, last_value, local from londiste.get_seq_list($1)',
    [queueName],
  );
  return rows.map((row) => ({ name: row.seq_name, lastValue: row.last_value, isLocal: row.local }));
}
