import { quoteLiteral } from '../db/identifier.js';
import type { KeyBound } from './key-order.js';
import type { SidePlan } from './table-plan.js';

/** The number of a row's region: a tree of comparisons, as many for a row as there are bits in the number of regions. */
export function regionSql(side: SidePlan): string {
  const tree = (from: number, to: number): string => {
    if (from === to) return String(from);
    const middle = Math.floor((from + to) / 2);
    const isBefore = before(side, side.bounds[middle] as KeyBound);
    return `case when ${isBefore} then ${tree(from, middle)} else ${tree(middle + 1, to)} end`;
  };
  return `(${tree(0, side.bounds.length)})::int8`;
}

/** The condition for the rows of one region. */
export function inRegion(side: SidePlan, region: number): string {
  return between(side, side.bounds[region - 1], side.bounds[region]);
}

/** Conditions that together are true for each row once: at most so many, about as many regions in each. */
export function regionPieces(side: SidePlan, most: number): string[] {
  const { bounds } = side;
  const count = Math.min(most, bounds.length + 1);
  const cuts = Array.from({ length: count - 1 }, (_, index) => {
    return bounds[Math.floor(((index + 1) * (bounds.length + 1)) / count) - 1];
  });
  return Array.from({ length: count }, (_, index) => between(side, cuts[index - 1], cuts[index]));
}

/** The condition for keys from one bound on to before another one; undefined: all on that side. */
export function between(side: SidePlan, from: KeyBound | undefined, to: KeyBound | undefined): string {
  const parts = [
    ...(from === undefined ? [] : [`${keyOf(side)} >= ${boundSql(side, from)}`]),
    ...(to === undefined ? [] : [before(side, to)]),
  ];
  return parts.length === 0 ? 'true' : parts.join(' and ');
}

function before(side: SidePlan, bound: KeyBound): string {
  return `${keyOf(side)} < ${boundSql(side, bound)}`;
}

/** As the index has it: an index of varchar knows its values as texts. */
function keyOf({ keyReferences, keyOrder }: SidePlan): string {
  return tuple(keyReferences.map((key, i) => (keyOrder?.types[i] === 'text' ? `${key}::text` : key)));
}

function boundSql({ keyOrder }: SidePlan, bound: KeyBound): string {
  return tuple(bound.map((text, i) => `${quoteLiteral(text)}::${keyOrder?.types[i]}`));
}

function tuple(parts: readonly string[]): string {
  return parts.length === 1 ? (parts[0] as string) : `(${parts.join(', ')})`;
}
