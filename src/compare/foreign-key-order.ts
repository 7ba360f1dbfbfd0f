import type { Connection } from '../db/connection.js';

/**
 * Puts tables into an order in which each comes after those that its foreign keys point to: inserts go by it, deletes
 * by its reverse. Tables that point to each other in a circle stay in the order of their names.
 */
export async function foreignKeyOrder(
  subscriber: Connection,
  tables: readonly { readonly tableName: string; readonly destTable: string }[],
): Promise<string[]> {
  const keys = await subscriber.query<{ child: string; parent: string }>(
    `select cn.nspname || '.' || c.relname as child, pn.nspname || '.' || p.relname as parent
       from pg_constraint as k
       join pg_class as c on c.oid = k.conrelid
       join pg_namespace as cn on cn.oid = c.relnamespace
       join pg_class as p on p.oid = k.confrelid
       join pg_namespace as pn on pn.oid = p.relnamespace
      where k.contype = 'f' and k.conrelid <> k.confrelid`,
  );
  const nameOf = new Map(tables.map(({ tableName, destTable }) => [destTable, tableName]));
  const parents = new Map<string, string[]>();
  for (const { child, parent } of keys) {
    const [from, to] = [nameOf.get(child), nameOf.get(parent)];
    if (from !== undefined && to !== undefined) parents.set(from, [...(parents.get(from) ?? []), to]);
  }
  return parentsFirst(tables.map(({ tableName }) => tableName).toSorted(), parents);
}

/** Pure. */
export function parentsFirst(
  names: readonly string[],
  parents: ReadonlyMap<string, readonly string[]>,
): string[] {
  const placed = new Set<string>();
  const visited = new Set<string>();
  const place = (name: string) => {
    if (visited.has(name)) return;
    visited.add(name);
    for (const parent of parents.get(name) ?? []) place(parent);
    placed.add(name);
  };
  for (const name of names) place(name);
  return [...placed];
}
