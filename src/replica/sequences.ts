import { callApi } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { readRelation } from './relation.js';

/** Codes of londiste.local_add_seq and local_remove_seq. */
const ALREADY = 201;

/**
 * Registers a sequence on this node: on a root its values are published, elsewhere it follows the published values,
 * forward only. Returns `exists` when it was there already. Throws PC406 when this database has no such sequence,
 * PC401 when the cascade does not know it.
 */
export async function addSequence(
  connection: Connection,
  queueName: string,
  name: string,
): Promise<'added' | 'exists'> {
  const relation = await readRelation(connection, name);
  if (relation?.kind !== 'sequence') {
    throw new ReplicateError(
      'PC406',
      relation === undefined
        ? `Sequence ${name} does not exist at ${connection.target}.`
        : `${name} at ${connection.target} is a ${relation.kind}, not a sequence.`,
      { sequence: name },
    );
  }
  const answer = await callApi(connection, 'londiste.local_add_seq', [queueName, name], { 404: 'PC401' });
  return answer.ret_code === ALREADY ? 'exists' : 'added';
}

/** Ends the replication of a sequence on this node; on a root on all nodes. */
export async function removeSequence(connection: Connection, queueName: string, name: string): Promise<void> {
  await callApi(connection, 'londiste.local_remove_seq', [queueName, name], { 400: 'PC400', 404: 'PC400' });
}
