import type { DatabaseObject } from './database-object.js';

/** What is made first where the catalog leaves it open. */
const RANK: Readonly<Record<DatabaseObject['kind'], number>> = {
  schema: 0,
  extension: 1,
  unsupported: 2,
  collation: 3,
  enum: 4,
  composite: 5,
  range: 6,
  domain: 7,
  function: 8,
  procedure: 9,
  aggregate: 10,
  'domain constraint': 11,
  sequence: 12,
  table: 13,
  'sequence owner': 14,
  default: 15,
  check: 16,
  partition: 17,
  'primary key': 18,
  unique: 19,
  exclusion: 20,
  index: 21,
  'replica identity': 22,
  statistics: 23,
  view: 24,
  'materialized view': 25,
  rule: 26,
  trigger: 27,
  policy: 28,
  'foreign key': 29,
  'member rights': 30,
  'default privileges': 31,
  // It would see the statements that make the others.
  'event trigger': 32,
};

/**
 * Orders objects so that each comes after those it needs; where that leaves it open by kind and name, so that the same
 * objects come in the same order from every database. Where they need each other in a circle, one of them comes too early.
 */
export function orderObjects(
  objects: readonly DatabaseObject[],
  needs: ReadonlyMap<string, ReadonlySet<string>>,
): DatabaseObject[] {
  const sorted = [...objects].sort(
    (a, b) => RANK[a.kind] - RANK[b.kind] || (a.key < b.key ? -1 : a.key > b.key ? 1 : 0),
  );
  const position = new Map(sorted.map(({ key }, at) => [key, at]));
  const neededBy = new Map<number, number[]>();
  const waitsFor = sorted.map(({ key }, at) => {
    let count = 0;
    for (const need of needs.get(key) ?? []) {
      const other = position.get(need);
      if (other === undefined || other === at) continue;
      const list = neededBy.get(other);
      if (list === undefined) neededBy.set(other, [at]);
      else list.push(at);
      count++;
    }
    return count;
  });
  const ready = new Lowest(waitsFor.flatMap((count, at) => (count === 0 ? [at] : [])));
  const isDone = new Array<boolean>(sorted.length).fill(false);
  const ordered: DatabaseObject[] = [];
  let next = 0;
  while (ordered.length < sorted.length) {
    let at = ready.take();
    if (at === undefined) {
      while (isDone[next] === true) next++;
      at = next;
    }
    if (isDone[at] === true) continue;
    isDone[at] = true;
    ordered.push(sorted[at] as DatabaseObject);
    for (const other of neededBy.get(at) ?? []) {
      const left = (waitsFor[other] as number) - 1;
      waitsFor[other] = left;
      if (left === 0) ready.add(other);
    }
  }
  return ordered;
}

/** A heap of numbers. */
class Lowest {
  readonly #heap: number[] = [];

  constructor(numbers: readonly number[]) {
    for (const number of numbers) this.add(number);
  }

  add(number: number): void {
    const heap = this.#heap;
    let at = heap.push(number) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if ((heap[parent] as number) <= number) break;
      heap[at] = heap[parent] as number;
      at = parent;
    }
    heap[at] = number;
  }

  take(): number | undefined {
    const heap = this.#heap;
    const [lowest] = heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return lowest;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child++;
      if ((heap[child] as number) >= last) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = last;
    return lowest;
  }
}
