import type { Connection } from '../db/connection.js';
import { callRoutine } from './call-api.js';

/**
 * In the transaction that has made this node the root: puts back the triggers, rules and foreign keys that a worker without the right to
 * set session_replication_role had kept off its tables. Keys hold for new rows from then on; that the rows are right which
 * are there, the root's worker makes sure of. Returns what could not be put back now, for people; the worker tries again.
 */
export async function putAllBack(tx: Connection, queueName: string): Promise<PutBack> {
  const [back] = await callRoutine<{ triggers: number; keys: number; late: string[] }>(
    tx,
    'select trigger_count as triggers, key_count as keys, late from pgcascade.put_all_back($1)',
    [queueName],
  );
  return back ?? { triggers: 0, keys: 0, late: [] };
}

export interface PutBack {
  readonly triggers: number;
  readonly keys: number;
  readonly late: readonly string[];
}

/** What an operator is to know of it, a sentence each. */
export function describePutBack({ triggers, keys, late }: PutBack): string[] {
  return [
    ...(triggers + keys > 0
      ? [`Put back on its tables: ${keys} foreign keys, ${triggers} triggers and rules.`]
      : []),
    ...late.map((what) => `NOT in force yet: ${what}; the worker of the new root puts it back.`),
  ];
}
