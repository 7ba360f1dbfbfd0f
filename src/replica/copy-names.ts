import { callApi } from '../cascade/call-api.js';
import type { NodeType } from '../cascade/node-info.js';
import type { Connection } from '../db/connection.js';
import { readSequences } from './sequence-list.js';
import { readTables } from './table-list.js';

/** Makes all tables and sequences of `source` known on this node; none is replicated by that. May be repeated. */
export async function copyNames(local: Connection, source: Connection, queueName: string): Promise<void> {
  await addMissingTables(local, source, queueName);
  await copySequences(local, source, queueName);
}

/**
 * Brings the names of tables and sequences that this node knows in line with its provider's.
 *
 * A name that the provider does not have is forgotten only when the provider is the root, which knows them all, and
 * when this node does not replicate it: a provider that lags behind, or an operator's slip on the provider, must not
 * end the replication of a table. Returns the tables that are replicated here but unknown to the root.
 */
export async function syncNames(
  local: Connection,
  provider: Connection,
  providerType: NodeType,
  queueName: string,
): Promise<{ orphans: string[] }> {
  return local.transaction(async (tx) => {
    const known = new Set((await readTables(provider, queueName)).map(({ name }) => name));
    await addMissingTables(tx, provider, queueName);
    await copySequences(tx, provider, queueName);
    if (providerType !== 'root') return { orphans: [] };

    const extra = (await readTables(tx, queueName)).filter(({ name }) => !known.has(name));
    for (const { name, isLocal } of extra) {
      if (!isLocal) await callApi(tx, 'londiste.global_remove_table', [queueName, name]);
    }
    const knownSequences = new Set((await readSequences(provider, queueName)).map(({ name }) => name));
    for (const { name, isLocal } of await readSequences(tx, queueName)) {
      if (!isLocal && !knownSequences.has(name)) {
        await callApi(tx, 'londiste.global_remove_seq', [queueName, name]);
      }
    }
    return { orphans: extra.filter(({ isLocal }) => isLocal).map(({ name }) => name) };
  });
}

async function addMissingTables(local: Connection, source: Connection, queueName: string): Promise<void> {
  const known = new Set((await readTables(local, queueName)).map(({ name }) => name));
  for (const { name } of await readTables(source, queueName)) {
    if (!known.has(name)) await callApi(local, 'londiste.global_add_table', [queueName, name]);
  }
}

async function copySequences(local: Connection, source: Connection, queueName: string): Promise<void> {
  const known = new Map(
    (await readSequences(local, queueName)).map(({ name, lastValue }) => [name, lastValue]),
  );
  for (const { name, lastValue } of await readSequences(source, queueName)) {
    const own = known.get(name);
    // A value that has come by the queue meanwhile may be newer.
    if (own === undefined || own < lastValue) {
      await callApi(local, 'londiste.global_update_seq', [queueName, name, lastValue]);
    }
  }
}
