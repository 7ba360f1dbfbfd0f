import { callRoutine } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { readSequences } from './sequence-list.js';

export interface MissingObjects {
  readonly tables: readonly string[];
  readonly sequences: readonly string[];
}

/**
 * What could be added on this node and is not: on a root everything in the database, elsewhere what is known in the
 * cascade.
 */
export async function readMissing(connection: Connection, queueName: string): Promise<MissingObjects> {
  const rows = await callRoutine<{ obj_kind: string; obj_name: string }>(
    connection,
    'select obj_kind, obj_name from londiste.local_show_missing($1) order by obj_kind, obj_name',
    [queueName],
  );
  // The original's routine lists sequences on a root that are registered already.
  const registered = new Set(
    (await readSequences(connection, queueName)).filter(({ isLocal }) => isLocal).map(({ name }) => name),
  );
  return {
    tables: rows.filter((row) => row.obj_kind === 'r').map((row) => row.obj_name),
    sequences: rows
      .filter((row) => row.obj_kind === 'S' && !registered.has(row.obj_name))
      .map((row) => row.obj_name),
  };
}
