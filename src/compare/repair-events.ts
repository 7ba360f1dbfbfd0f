import type { QueueEvent } from '../queue/event.js';
import { eventId } from '../queue/ids.js';
import type { Sides } from './canonical-value.js';
import type { RowKey } from './row-key.js';
import type { NamedRow, RowName } from './rows-by-key.js';
import type { TablePlan } from './table-plan.js';

/** What makes one row of the subscriber what the provider's is. */
export type RowRepair =
  | { readonly kind: 'insert'; readonly row: NamedRow }
  | { readonly kind: 'update'; readonly row: NamedRow; readonly old: NamedRow }
  | { readonly kind: 'delete'; readonly old: NamedRow };

export interface PlannedRepairs {
  readonly repairs: readonly RowRepair[];
  /** Keys that stand for several rows, or for none that a statement could name. */
  readonly unclear: readonly RowKey[];
}

/**
 * What has to be done for some names, by the rows that have them on both sides at the same tick. Nothing for those that
 * are equal by now, nor for rows that are in `seen`: keys that are equal in several writings mean the same row.
 */
export function planRepairs(
  tableName: string,
  names: readonly RowName[],
  rows: Sides<readonly NamedRow[]>,
  seen: Set<string>,
): PlannedRepairs {
  const provider = byPlace(rows.provider);
  const subscriber = byPlace(rows.subscriber);
  const repairs: RowRepair[] = [];
  const unclear: RowKey[] = [];
  for (const [at, { key, rowHash }] of names.entries()) {
    const there = provider.get(at) ?? [];
    const here = subscriber.get(at) ?? [];
    if (key === null) {
      // A name without a key stands for all rows that are alike, however often it is told.
      const place = JSON.stringify([tableName, rowHash]);
      if (seen.has(place)) continue;
      seen.add(place);
      repairs.push(...copiesOf(there, here));
      continue;
    }
    if (there.length > 1 || here.length > 1 || key.includes(null)) {
      unclear.push(key);
      continue;
    }
    const place = JSON.stringify([tableName, there[0]?.key, here[0]?.key]);
    if (seen.has(place)) continue;
    seen.add(place);
    repairs.push(...repairsOf(there[0], here[0]));
  }
  return { repairs, unclear };
}

function repairsOf(there: NamedRow | undefined, here: NamedRow | undefined): RowRepair[] {
  if (there === undefined) return here === undefined ? [] : [{ kind: 'delete', old: here }];
  if (here === undefined) return [{ kind: 'insert', row: there }];
  if (there.rowHash === here.rowHash) return [];
  const isSameKey = JSON.stringify(there.key) === JSON.stringify(here.key);
  if (isSameKey) return [{ kind: 'update', row: there, old: here }];
  return [
    { kind: 'delete', old: here },
    { kind: 'insert', row: there },
  ];
}

function copiesOf(there: readonly NamedRow[], here: readonly NamedRow[]): RowRepair[] {
  const count = (rows: readonly NamedRow[]) => rows.reduce((sum, row) => sum + row.rows, 0n);
  const missing = Number(count(there) - count(here));
  const [row] = there;
  const [old] = here;
  if (missing > 0 && row !== undefined)
    return Array.from({ length: missing }, () => ({ kind: 'insert', row }));
  if (missing < 0 && old !== undefined)
    return Array.from({ length: -missing }, () => ({ kind: 'delete', old }));
  return [];
}

function byPlace(rows: readonly NamedRow[]): ReadonlyMap<number, NamedRow[]> {
  const places = new Map<number, NamedRow[]>();
  for (const row of rows) {
    const list = places.get(row.at);
    if (list === undefined) places.set(row.at, [row]);
    else list.push(row);
  }
  return places;
}

/** An update as a delete and an insert, which two rows that swap a unique value need. */
export function withoutUpdates(repairs: readonly RowRepair[]): RowRepair[] {
  const deletes = repairs.flatMap((repair) =>
    repair.kind === 'insert' ? [] : [{ kind: 'delete' as const, old: repair.old }],
  );
  const inserts = repairs.flatMap((repair) =>
    repair.kind === 'delete' ? [] : [{ kind: 'insert' as const, row: repair.row }],
  );
  return [...deletes, ...inserts];
}

/**
 * The repairs as events of the queue, so that they are written as everything that is replicated. Their rows are those
 * of the subscriber already: nothing is to be made of them any more.
 */
export function repairEvents(plan: TablePlan, repairs: readonly RowRepair[]): QueueEvent[] {
  const [schema, ...rest] = plan.tableName.split('.');
  const type = (op: string) => JSON.stringify({ op, table: [schema, rest.join('.')], pkey: plan.keyColumns });
  return repairs.map((repair, index) => ({
    id: eventId(BigInt(index + 1)),
    txid: 0n,
    type: type(repair.kind.toUpperCase()),
    data: rowJson(plan, repair.kind === 'delete' ? repair.old : repair.row),
    extra1: plan.tableName,
    extra2: null,
    extra3: null,
    extra4: null,
  }));
}

function rowJson({ columns }: TablePlan, { texts }: NamedRow): string {
  return JSON.stringify(
    Object.fromEntries(
      columns.flatMap(({ name, isGenerated }, index) => (isGenerated ? [] : [[name, texts[index] ?? null]])),
    ),
  );
}
