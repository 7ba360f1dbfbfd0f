import type { Connection } from '../db/connection.js';
import { failpoint } from '../runtime/failpoint.js';
import { isOnlyAbove } from './only-above.js';
import type { PlannedObject } from './plan-objects.js';
import { allStatements } from './statements.js';

/** What became of one object. */
export interface CreatedObject {
  readonly planned: PlannedObject;
  /** Why it is not there as it is to be; undefined when it is. */
  readonly problem: string | undefined;
}

export interface CreateOptions {
  readonly needs: ReadonlyMap<string, ReadonlySet<string>>;
  readonly signal: AbortSignal;
}

/** Locks are held until a transaction ends, and a server holds only so many. */
const OBJECTS_PER_TRANSACTION = 100;

/**
 * The settings under which objects are made: bodies of functions may name what comes later, and a foreign key of a table
 * whose policies hold for its owner too can be made; there are no rows that could be overlooked.
 */
export const CREATE_SETTINGS =
  'set local check_function_bodies = off; set local client_min_messages = error; set local row_security = on';

/** The same for a session, and the search path that all names are written for: the first line of a script. */
export const SCRIPT_SETTINGS =
  'set search_path = pg_catalog; set check_function_bodies = off; set row_security = on;';

/**
 * Makes the planned objects that are missing, each whole or not at all; one that fails is told in the outcome, and those that need it are
 * not tried. After a crash a new plan goes on with what is missing then.
 */
export async function createObjects(
  connection: Connection,
  planned: readonly PlannedObject[],
  { needs, signal }: CreateOptions,
): Promise<CreatedObject[]> {
  const failed = new Set<string>();
  const created: CreatedObject[] = [];
  for (let at = 0; at < planned.length; at += OBJECTS_PER_TRANSACTION) {
    signal.throwIfAborted();
    const some = planned.slice(at, at + OBJECTS_PER_TRANSACTION);
    await connection.transaction(async (tx) => {
      await tx.execute(CREATE_SETTINGS);
      for (const one of some) {
        const problem = problemOf(one, needs, failed) ?? (await createOne(tx, one));
        if (problem !== undefined && !canDoWithout(one)) failed.add(one.object.key);
        created.push({ planned: one, problem });
      }
    });
    await failpoint('create-schema-part');
  }
  return created;
}

/** Tells without making anything which objects cannot be made, as far as that is to be known: in the order of the plan. Pure. */
export function foreseeProblems(
  planned: readonly PlannedObject[],
  needs: CreateOptions['needs'],
): CreatedObject[] {
  const failed = new Set<string>();
  return planned.map((one) => {
    const problem = problemOf(one, needs, failed);
    if (problem !== undefined && !canDoWithout(one)) failed.add(one.object.key);
    return { planned: one, problem };
  });
}

/** Whether what needs an object can be made although there is a problem with it. */
function canDoWithout({ object, made, state }: PlannedObject): boolean {
  return state === 'other rights' || isOnlyAbove(object, made);
}

function problemOf(
  { object, made, state }: PlannedObject,
  needs: CreateOptions['needs'],
  failed: ReadonlySet<string>,
): string | undefined {
  if (state === 'refused') return made.refused;
  if (state === 'other rights') {
    return `it is there with another owner or other rights; those of the provider: ${[...made.owner, ...made.grants].join('; ')}`;
  }
  if (state === 'different') {
    return object.kind === 'member rights'
      ? 'others have been given there; change them, or leave them'
      : 'something else of this name is there; drop or rename it, or leave it';
  }
  if (state === 'equal' || state === 'alike') return undefined;
  const missing = [...(needs.get(object.key) ?? [])].filter((key) => failed.has(key));
  return missing.length === 0 ? undefined : `it needs ${missing.join(', ')}`;
}

/** Returns why it could not be made. */
async function createOne(tx: Connection, { made, state }: PlannedObject): Promise<string | undefined> {
  if (state !== 'missing') return undefined;
  const statements = allStatements(made);
  if (statements.length === 0) return undefined;
  await tx.execute('savepoint object');
  try {
    await tx.execute(`${statements.join(';\n')};\nrelease savepoint object`);
    return undefined;
  } catch (error) {
    // Without a connection nothing can be made any more; anything else is about this object.
    if (!tx.isOpen) throw error;
    await tx.execute('rollback to savepoint object');
    return error instanceof Error ? error.message : String(error);
  }
}
