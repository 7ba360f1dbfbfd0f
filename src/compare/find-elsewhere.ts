import type { Sides } from './canonical-value.js';
import type { ScanParts } from './scan-parts.js';
import { type FoundRow, readRowsOfKeys } from './scan-table.js';

/**
 * The rows of one region of keys on both sides, made comparable where the two servers may order keys in their own ways: a row
 * that only the provider has there is looked for here by its key, and one that the provider has in another region is left out,
 * for it is compared with that.
 */
export async function findElsewhere(
  sides: Sides<ScanParts>,
  rows: Sides<readonly FoundRow[]>,
): Promise<Sides<readonly FoundRow[]>> {
  const [[provider], [subscriber]] = [sides.provider, sides.subscriber];
  if (provider === undefined || subscriber === undefined) return rows;
  if (provider.plan.keyOrder?.isShared !== false || provider.plan.keyFilters.length === 0) return rows;
  const [here, there] = await Promise.all([
    readRowsOfKeys(subscriber, keysOnlyIn(rows.provider, rows.subscriber)),
    readRowsOfKeys(provider, keysOnlyIn(rows.subscriber, rows.provider)),
  ]);
  const others = new Set(there.map(({ id }) => id));
  return {
    provider: rows.provider,
    subscriber: [...rows.subscriber.filter(({ id }) => !others.has(id)), ...here],
  };
}

function keysOnlyIn(rows: readonly FoundRow[], others: readonly FoundRow[]) {
  const ids = new Set(others.map(({ id }) => id));
  return rows.flatMap(({ id, key }) => (key === null || ids.has(id) ? [] : [key]));
}
