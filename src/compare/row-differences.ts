import { smallerOf } from './buckets.js';
import type { RowKey } from './row-key.js';
import type { FoundRow } from './scan-table.js';

const KEPT_KEYS = 10;

/** Rows that differ in one way. */
export interface RowList {
  readonly count: bigint;
  /** Keys of the first ones found; none without a key. */
  readonly keys: readonly RowKey[];
}

export type DifferenceKind = 'changed' | 'missing' | 'extra';

/** One key, or without a key one kind of row, that is not the same on both sides. */
export interface RowDifference {
  readonly kind: DifferenceKind;
  readonly key: RowKey | null;
  /** Without a key: the md5 of the row, as this comparison sees it. */
  readonly rowHash: string | null;
  readonly rows: bigint;
}

/** Takes differences as they are found, in no order; what it returns is waited for. */
export type DifferenceSink = (differences: readonly RowDifference[]) => Promise<void>;

/** Rows that are not the same on both sides. */
export interface RowDifferences {
  /** On both sides, with other values. Without a key a changed row is a missing and an extra one. */
  readonly changed: RowList;
  /** Only on the provider. */
  readonly missing: RowList;
  /** Only on the subscriber. */
  readonly extra: RowList;
  /** False when not all rows were looked at: there may be more of each kind. */
  readonly isComplete: boolean;
}

/** Collects differences in bounded memory: counts of all, keys of the first. */
export class RowDifferenceCollector {
  readonly #lists = { changed: new KeptRows(), missing: new KeptRows(), extra: new KeptRows() };

  /** True when more rows would not add a key to any list. */
  get isFull(): boolean {
    return Object.values(this.#lists).every((list) => list.isFull);
  }

  /** Compares all rows of some positions, the same ones on both sides. Returns what differs. */
  add(provider: readonly FoundRow[], subscriber: readonly FoundRow[]): RowDifference[] {
    const found: RowDifference[] = [];
    for (const [left, right] of pairById(provider, subscriber)) {
      const onlyLeft = countOthers(left, right);
      const onlyRight = countOthers(right, left);
      const { key, id } = (left[0] ?? right[0]) as FoundRow;
      const changed = key === null ? 0n : smallerOf(onlyLeft, onlyRight);
      const rowHash = key === null ? id : null;
      for (const [kind, rows] of [
        ['changed', changed],
        ['missing', onlyLeft - changed],
        ['extra', onlyRight - changed],
      ] as const) {
        if (rows <= 0n) continue;
        this.#lists[kind].add(rows, key);
        found.push({ kind, key, rowHash, rows });
      }
    }
    return found;
  }

  toDifferences(isComplete: boolean): RowDifferences {
    const { changed, missing, extra } = this.#lists;
    return { changed: changed.list, missing: missing.list, extra: extra.list, isComplete };
  }
}

class KeptRows {
  #count = 0n;
  readonly #keys: RowKey[] = [];

  get isFull(): boolean {
    return this.#keys.length >= KEPT_KEYS;
  }

  get list(): RowList {
    return { count: this.#count, keys: this.#keys };
  }

  add(rows: bigint, key: RowKey | null): void {
    this.#count += rows;
    if (key !== null && !this.isFull) this.#keys.push(key);
  }
}

function pairById(
  left: readonly FoundRow[],
  right: readonly FoundRow[],
): Iterable<readonly [FoundRow[], FoundRow[]]> {
  const pairs = new Map<string, [FoundRow[], FoundRow[]]>();
  for (const [side, rows] of [left, right].entries()) {
    for (const row of rows) {
      const pair = pairs.get(row.id) ?? [[], []];
      pair[side]?.push(row);
      pairs.set(row.id, pair);
    }
  }
  return pairs.values();
}

/** How many of the rows have no equal on the other side. */
function countOthers(rows: readonly FoundRow[], others: readonly FoundRow[]): bigint {
  return rows.reduce((count, row) => {
    const equal = others.find((other) => other.rowHash === row.rowHash)?.rows ?? 0n;
    return count + (row.rows > equal ? row.rows - equal : 0n);
  }, 0n);
}
