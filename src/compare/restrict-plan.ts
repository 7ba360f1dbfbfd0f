import { type Interval, largerOf, smallerOf } from './buckets.js';
import { rowBytes, type Sides } from './canonical-value.js';
import type { KeyBound } from './key-order.js';
import { between } from './key-regions.js';
import type { KeyRange, SidePlan, TablePlan } from './table-plan.js';

/** Positions by which rows of integer keys are taken into a sample. */
const SAMPLE_PLACES = 1_000;

/** A part of the rows, the same on both sides. */
export interface RowChoice {
  /** An SQL condition over the columns, for both sides. */
  readonly where?: string | undefined;
  /** About so many in a hundred, which ones is for `seed` to say. */
  readonly samplePercent?: number | undefined;
  readonly seed: bigint;
}

/** A plan for a part of the rows. */
export function choosePart<P extends TablePlan>(plan: P, { where, samplePercent, seed }: RowChoice): P {
  // A comment in the condition ends with it.
  const filters = where === undefined ? [] : [`(${where}\n)`];
  return withFilters(plan, (side) => [
    ...filters,
    ...(samplePercent === undefined ? [] : [sampleSql(plan, side, samplePercent, seed)]),
  ]);
}

/** By the key, so that it is looked at on both sides or on none; that of a row without a key is the row. */
function sampleSql(plan: TablePlan, side: SidePlan, percent: number, seed: bigint): string {
  if (plan.hasIntegerKey) {
    const key = `coalesce(${side.keyValues[0]}, 0)`;
    const offset = seed % BigInt(SAMPLE_PLACES);
    const place = `mod(mod(${key}, ${SAMPLE_PLACES}) + ${offset} + ${SAMPLE_PLACES}, ${SAMPLE_PLACES})`;
    return `${place} < ${(percent / 100) * SAMPLE_PLACES}`;
  }
  const values = plan.keyColumns.length > 0 ? side.keyValues : side.values;
  const positions = 2 ** 32;
  const hash = `('x' || left(md5(${rowBytes(values)}), 8))::bit(32)::int8`;
  const offset = (seed * 2_654_435_761n) % BigInt(positions);
  return `mod(${hash} + ${offset}, ${positions}) < ${Math.round((percent / 100) * positions)}`;
}

/** A plan for the keys of an interval; at the ends of `all` also for those beyond, and for rows without a key. */
export function chooseKeys<P extends TablePlan>(plan: P, interval: Interval, all: Interval, part: number): P {
  const range: KeyRange = { interval, part };
  const filtered = withFilters(plan, ({ keyReferences }) => {
    const key = keyReferences[0] as string;
    const isFirst = interval.low <= all.low;
    const isLast = interval.high >= all.high;
    if (isFirst && isLast) return [];
    if (isFirst) return [`(${key} <= ${interval.high} or ${key} is null)`];
    return isLast ? [`${key} >= ${interval.low}`] : [`${key} between ${interval.low} and ${interval.high}`];
  });
  return { ...filtered, range };
}

/** A plan whose rows are cut into regions by keys. */
export function cutAt<P extends TablePlan>(plan: P, bounds: readonly KeyBound[]): P {
  return onSides(plan, (side) => ({ ...side, bounds }));
}

/** Some of the keys of a table that is not one of integer keys. */
export interface BoundGroup {
  /** The first key of the group, and the one that is the first behind it; undefined: all on that side. */
  readonly from: KeyBound | undefined;
  readonly to: KeyBound | undefined;
  /** Where its rows are cut into regions. */
  readonly bounds: readonly KeyBound[];
}

/** Cuts a table into so many groups of about as many regions each, at most. */
export function cutBounds(bounds: readonly KeyBound[], count: number): BoundGroup[] {
  const regions = bounds.length + 1;
  const groups = Math.min(count, regions);
  const firstOf = (group: number) => Math.floor((group * regions) / groups);
  return Array.from({ length: groups }, (_, group) => ({
    from: bounds[firstOf(group) - 1],
    to: bounds[firstOf(group + 1) - 1],
    bounds: bounds.slice(firstOf(group), firstOf(group + 1) - 1),
  }));
}

/** A plan for the keys of a group. */
export function chooseBounds<P extends TablePlan>(
  plan: P,
  { from, to, bounds }: BoundGroup,
  part: number,
): P {
  const chosen = onSides(plan, (side) => ({ ...side, bounds, keyFilters: [between(side, from, to)] }));
  return { ...chosen, range: { interval: undefined, part } };
}

/** Cuts an interval into so many of the same width, at most. */
export function cutInterval({ low, high }: Interval, count: number): Interval[] {
  const width = (high - low) / BigInt(count) + 1n;
  const parts: Interval[] = [];
  for (let from = low; from <= high; from += width) {
    parts.push({ low: from, high: smallerOf(from + width - 1n, largerOf(high, low)) });
  }
  return parts;
}

function withFilters<P extends TablePlan>(plan: P, filtersOf: (side: SidePlan) => readonly string[]): P {
  return onSides(plan, (side) => ({ ...side, filters: [...side.filters, ...filtersOf(side)] }));
}

function onSides<P extends TablePlan>(plan: P, restrict: (side: SidePlan) => SidePlan): P {
  const sides: Sides<SidePlan> = {
    provider: restrict(plan.sides.provider),
    subscriber: restrict(plan.sides.subscriber),
  };
  const others = (plan as { otherSources?: readonly { readonly plan: SidePlan }[] }).otherSources;
  if (others === undefined) return { ...plan, sides };
  return {
    ...plan,
    sides,
    otherSources: others.map((source) => ({ ...source, plan: restrict(source.plan) })),
  };
}
