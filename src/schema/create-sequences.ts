import type { Connection } from '../db/connection.js';
import { splitName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { CREATE_SETTINGS } from './create-objects.js';
import { objectStatements } from './object-statements.js';
import { nameOf } from './objects-by-name.js';
import { orderObjects } from './order-objects.js';
import { readSchema } from './read-schema.js';
import { allStatements } from './statements.js';
import { readTarget } from './target.js';

export interface MadeSequences {
  /** Their names, Londiste's. */
  readonly made: readonly string[];
  /** What is not as on the provider, and why: one line each. */
  readonly notes: readonly string[];
}

/**
 * Makes those of the sequences (Londiste names) that are missing here as they are on the provider, with their schemas, all or none. Values
 * are not taken over. May be repeated.
 *
 * Throws PC414 when one cannot be made.
 */
export async function createSequences(
  local: Connection,
  provider: Connection,
  names: readonly string[],
): Promise<MadeSequences> {
  const source = await readSchema(provider, []);
  const present = new Set((await readSchema(local, [])).objects.map(({ key }) => key));
  const keys = new Set(names.map((name) => `sequence ${nameOf(splitName(name))}`));
  const missing = source.objects.filter(({ key }) => keys.has(key) && !present.has(key));
  const schemas = new Set(
    missing.flatMap((object) => (object.kind === 'sequence' ? `schema ${object.name.schema}` : [])),
  );
  const made = source.objects.filter(({ key }) => schemas.has(key) && !present.has(key));
  const target = await readTarget(local);
  const notes: string[] = [];
  await local.transaction(async (tx) => {
    await tx.execute(CREATE_SETTINGS);
    for (const object of orderObjects([...made, ...missing], source.needs)) {
      const statements = objectStatements(object, target);
      notes.push(...statements.notes.map((note) => `${object.key}: ${note}`));
      try {
        await tx.execute(allStatements(statements).join(';\n'));
      } catch (error) {
        if (!tx.isOpen) throw error;
        const reason = error instanceof Error ? error.message : String(error);
        const facts = { object: object.key };
        throw new ReplicateError('PC414', `Cannot make ${object.key}: ${reason}.`, facts, { cause: error });
      }
    }
  });
  return {
    made: missing.flatMap((object) => (object.kind === 'sequence' ? nameOf(object.name) : [])),
    notes,
  };
}
