import type { Connection } from '../db/connection.js';
import type { EventId } from '../queue/ids.js';
import type { RowChange, RowSection } from './row-change.js';
import type { TableChanges } from './table-changes.js';
import type { TargetKey } from './table-writer.js';
import { writeFailureOf } from './write-failure.js';

/** The changes of one table that were not written because their rows are not there. */
export interface LeftOut {
  readonly count: number;
  /** The first of them. */
  readonly eventId: EventId;
  /** Its key as JSON values; null without a key. */
  readonly key: string | null;
}

/** What is left of a table's changes when those of missing rows are taken out. */
export interface PresentChanges {
  readonly changes: TableChanges;
  /** Undefined when no row is missing. */
  readonly leftOut: LeftOut | undefined;
}

/**
 * Takes out of a table's changes each UPDATE and DELETE whose row would not be there if they were done in their order. One
 * query, however many there are, in the open transaction, in which nothing of the table's changes may have been done.
 *
 * Undefined where keys do not tell rows apart: a key that is not unique here or equal in several texts, none at all, several
 * keys, changes that came as SQL, a key that cannot be read; and for a part, of which no row is missing.
 */
export async function presentChanges(
  tx: Connection,
  changes: TableChanges,
): Promise<PresentChanges | undefined> {
  const key = provenKey(changes);
  if (key === undefined) return undefined;
  const all = changes.sections.flatMap((section) => (section.kind === 'rows' ? section.changes : []));
  const firsts = new Map<string, RowChange>();
  for (const change of all) if (!firsts.has(change.key)) firsts.set(change.key, change);
  const absent =
    changes.truncate === undefined
      ? await readMissing(tx, changes, key, [...firsts.values()])
      : new Set(firsts.keys());
  if (absent === undefined) return undefined;
  const taken = withoutMissing(all, absent);
  const [first] = taken;
  if (first === undefined) return { changes, leftOut: undefined };
  const kept = changes.emptyCopy(false);
  for (const section of changes.sections) {
    if (section.kind !== 'rows') continue;
    const own = section.changes.filter((change) => !taken.has(change));
    if (own.length > 0) kept.sections.push({ ...section, changes: own });
  }
  return { changes: kept, leftOut: { count: taken.size, eventId: first.event.id, key: first.key || null } };
}

/**
 * The changes whose row is not there when it is their turn. `absent`: keys without a row at the begin. Pure.
 *
 * An INSERT whose row is there stays: it fails, as it must.
 */
export function withoutMissing<Change extends Pick<RowChange, 'operation' | 'key'>>(
  changes: Iterable<Change>,
  absent: Iterable<string>,
): Set<Change> {
  const missing = new Set(absent);
  const taken = new Set<Change>();
  for (const change of changes) {
    const { operation, key } = change;
    if (operation === 'insert') missing.delete(key);
    else if (missing.has(key)) taken.add(change);
    else if (operation === 'delete') missing.add(key);
  }
  return taken;
}

/** The one key of all changes, if its text tells which row it is. */
function provenKey({ writer, sections, isPartial }: TableChanges): TargetKey | undefined {
  const [first] = sections;
  if (isPartial || first?.kind !== 'rows' || first.keyColumns.length === 0) return undefined;
  const isSame = (section: RowSection) => section.keyColumns.join() === first.keyColumns.join();
  if (!sections.every((section) => section.kind === 'rows' && isSame(section))) return undefined;
  const key = writer.key(first.keyColumns);
  return key?.isUnique === true && key.hasExactText ? key : undefined;
}

/** The keys of these changes, one of each key, that have no row; undefined when a key cannot be read. */
async function readMissing(
  tx: Connection,
  { writer }: TableChanges,
  key: TargetKey,
  changes: readonly RowChange[],
): Promise<Set<string> | undefined> {
  const rows = `[${changes.map(({ row }) => row).join(',')}]`;
  await tx.execute('savepoint pgc_missing');
  try {
    const found = await tx.query<{ place: bigint }>(writer.text('missing', key), [rows]);
    await tx.execute('release savepoint pgc_missing');
    return new Set(found.map(({ place }) => (changes[Number(place) - 1] as RowChange).key));
  } catch (error) {
    if (writeFailureOf(error) === undefined) throw error;
    // The change itself will fail, and tells more.
    await tx.execute('rollback to savepoint pgc_missing; release savepoint pgc_missing');
    return undefined;
  }
}
