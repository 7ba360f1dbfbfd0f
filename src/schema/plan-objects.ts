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
    /** It is there, and its text differs only as two versions write the same. */
    | 'alike'
    /** It is there, with another owner or other rights. */
    | 'other rights'
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
  // What must not be made by us, and is there as it would be, somebody has made on purpose.
  if (made.refused !== undefined && (other === undefined || made.create.length === 0)) return 'refused';
  if (other === undefined) return 'missing';
  // The one of initdb: only its rights are made.
  if (object.kind === 'schema' && object.name === 'public') {
    return compare(made, objectStatements(other, target)) === 'equal' ? 'equal' : 'missing';
  }
  const found = objectStatements(asOldAs(object, other), target);
  const exactly = compare(made, found);
  if (exactly !== 'different') return exactly;
  if (object.kind !== 'view' && object.kind !== 'materialized view') {
    const roughly = compare(made, found, loosely);
    return roughly === 'equal' ? 'alike' : roughly;
  }
  const definition = await canonicalView(object.definition);
  if (definition === undefined) return 'different';
  const same = { ...object, definition };
  return compare(objectStatements(same, target), objectStatements(other, target));
}

/** What a newer server has given the object by itself is not compared. */
function asOldAs(object: DatabaseObject, other: DatabaseObject): DatabaseObject {
  if (object.kind !== 'range' || object.multirange !== null || other.kind !== 'range') return other;
  return { ...other, multirange: null };
}

/** Two versions write the same expression with other parentheses and casts to text. */
function loosely(text: string): string {
  return text.replaceAll(/[\s()]|::text\b/g, '');
}

/** An owner that the target cannot have is not looked for, nor are the rights that came from him. */
function compare(
  wanted: ObjectStatements,
  found: ObjectStatements,
  written: (text: string) => string = (text) => text,
): 'equal' | 'other rights' | 'different' {
  const isSame = (one: readonly string[], other: readonly string[]): boolean => {
    const text = (statements: readonly string[]): string => statements.map(written).sort().join('\n');
    return text(one) === text(other);
  };
  if (!isSame(wanted.create, found.create) || !isSame(wanted.comments, found.comments)) return 'different';
  if (wanted.owner.length === 0) return 'equal';
  return isSame(wanted.owner, found.owner) && isSame(wanted.grants, found.grants) ? 'equal' : 'other rights';
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
