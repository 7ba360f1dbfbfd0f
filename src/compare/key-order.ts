import type { RowSelection } from '../handlers/row-selection.js';
import type { Sides } from './canonical-value.js';
import type { ColumnShape } from './table-shape.js';

/** How the keys of a table are ordered, where ranges of them can be read by the index of the key on both sides. */
export interface KeyOrder {
  /** The types of the key's columns in whose order bounds are compared, as SQL. */
  readonly types: readonly string[];
  /**
   * True when every server orders the keys alike. Else two servers may know the order by the same name in two versions: then a
   * row can be in another range on each side.
   */
  readonly isShared: boolean;
}

/**
 * Rows of a table whose key is not one integer are cut into regions by bounds: keys that were found in the table, in their
 * order. Region 0 is what is before the first bound, the last one what is from the last bound on, so each row is in exactly one,
 * whatever has come or gone since. On each side its own index finds the rows of a region.
 */
export type KeyBound = readonly string[];

/** Types that all versions order alike, and what bounds of them are written as. */
const ORDERED: ReadonlyMap<number, string> = new Map([
  [16, 'boolean'],
  [17, 'bytea'],
  [20, 'bigint'],
  [21, 'bigint'],
  [23, 'bigint'],
  [1082, 'date'],
  [1114, 'timestamp'],
  [1184, 'timestamptz'],
  [2950, 'uuid'],
]);
/** text and varchar: by their collation. */
const TEXTS: ReadonlySet<number> = new Set([25, 1043]);

/**
 * The order of a key, column for column; undefined when it has none that both sides have, when a column may be null, or
 * when the values are made from the provider's: an index knows nothing of those.
 */
export function keyOrderOf(
  keyPairs: readonly Sides<ColumnShape>[],
  selection: RowSelection,
): KeyOrder | undefined {
  if (keyPairs.length === 0) return undefined;
  const orders = keyPairs.map((pair) => columnOrder(pair, selection));
  const known = orders.filter((order) => order !== undefined);
  if (known.length < orders.length) return undefined;
  return { types: known.map(({ type }) => type), isShared: known.every(({ isShared }) => isShared) };
}

interface ColumnOrder {
  readonly type: string;
  readonly isShared: boolean;
}

function columnOrder(
  { provider, subscriber }: Sides<ColumnShape>,
  selection: RowSelection,
): ColumnOrder | undefined {
  if (!provider.isNotNull || !subscriber.isNotNull) return undefined;
  if (selection.values.has(provider.name)) return undefined;
  if (provider.type.kind !== 'scalar' || subscriber.type.kind !== 'scalar') return undefined;
  const type = ORDERED.get(provider.type.oid);
  if (type !== undefined) {
    return type === ORDERED.get(subscriber.type.oid) ? { type, isShared: true } : undefined;
  }
  if (!TEXTS.has(provider.type.oid) || !TEXTS.has(subscriber.type.oid)) return undefined;
  const { textOrder } = provider;
  if (textOrder === undefined || subscriber.textOrder === undefined) return undefined;
  // Another encoding could not even write the bounds of the other one.
  if (textOrder.name !== subscriber.textOrder.name) return undefined;
  return { type: 'text', isShared: textOrder.isOfBytes && subscriber.textOrder.isOfBytes };
}
