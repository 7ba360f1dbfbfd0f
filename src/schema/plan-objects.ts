import type { Connection } from '../db/connection.js';
import type { DatabaseObject, DatabaseSchema } from './database-object.js';
import { objectStatements } from './object-statements.js';
import { orderObjects } from './order-objects.js';
import type { ObjectStatements } from './statements.js';
import type { Target } from './target.js';

/** What is to be done about one object of the source. */
export interface PlannedObject {
  readonly object: DatabaseObject;
  readonly made: ObjectStatements;
  readonly state:
    | 'missing'
    /** It is there as it is to be. */
    | 'equal'
    /** Something of the same name is there. */
    | 'different'
    /** It cannot be made: `made.refused` says why. */
    | 'refused';
}

export interface PlanOptions {
  /** The objects to be made; all of the source when undefined. */
  readonly objects?: readonly DatabaseObject[];
  /** Called for a text that the two servers may write in two ways: the first as the target writes it. */
  readonly canonicalView: (definition: string) => Promise<string | undefined>;
}

/** Compares what is to be made with what is there, in the order in which it is to be made. */
export async function planObjects(
  source: DatabaseSchema,
  present: DatabaseSchema,
  target: Target,
  options: PlanOptions,
): Promise<PlannedObject[]> {
  const there = new Map(present.objects.map((object) => [object.key, object]));
  const ordered = orderObjects(options.objects ?? source.objects, source.needs);
  const planned: PlannedObject[] = [];
  for (const object of ordered) {
    const made = objectStatements(object, target);
    const other = there.get(object.key);
    planned.push({ object, made, state: await stateOf(object, made, other, target, options) });
  }
  return planned;
}

async function stateOf(
  object: DatabaseObject,
  made: ObjectStatements,
  other: DatabaseObject | undefined,
  target: Target,
  { canonicalView }: PlanOptions,
): Promise<PlannedObject['state']> {
  // What we cannot make may be there by hand; we do not look at what it is.
  if (object.kind === 'unsupported') return other === undefined ? 'refused' : 'equal';
  if (made.refused !== undefined) return 'refused';
  if (other === undefined) return 'missing';
  // The one of initdb: only its rights are made.
  if (object.kind === 'schema' && object.name === 'public') {
    return isEqual(made, objectStatements(other, target)) ? 'equal' : 'missing';
  }
  if (isEqual(made, objectStatements(other, target))) return 'equal';
  if (object.kind !== 'view' && object.kind !== 'materialized view') return 'different';
  const definition = await canonicalView(object.definition);
  if (definition === undefined) return 'different';
  const same = { ...object, definition };
  return isEqual(objectStatements(same, target), objectStatements(other, target)) ? 'equal' : 'different';
}

/** An owner that the target cannot have is not looked for. */
function isEqual(wanted: ObjectStatements, found: ObjectStatements): boolean {
  const text = (statements: readonly string[]): string => [...statements].sort().join('\n');
  return (
    text(wanted.create) === text(found.create) &&
    text(wanted.comments) === text(found.comments) &&
    (wanted.owner.length === 0 || text(wanted.owner) === text(found.owner)) &&
    text(wanted.grants) === text(found.grants)
  );
}

/** Lets the server of `connection` write a view's text in its own words; undefined when it does not take it. Leaves nothing behind. */
export async function canonicalView(connection: Connection, definition: string): Promise<string | undefined> {
  await connection.execute('begin');
  try {
    await connection.execute(`create temporary view pgcascade_view as ${definition}`);
    const { text } = await connection.one<{ text: string }>(
      `select pg_get_viewdef('pg_temp.pgcascade_view'::regclass) as text`,
    );
    return text.replace(/;\s*$/, '');
  } catch (error) {
    // Something that it needs is missing: then it is not equal to what is there.
    if (!connection.isOpen) throw error;
    return undefined;
  } finally {
    if (connection.isOpen) await connection.execute('rollback');
  }
}
