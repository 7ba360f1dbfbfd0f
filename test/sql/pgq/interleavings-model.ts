/** One row of an event table: an event, or an event that was put back for one consumer. */
export interface EventRow {
  readonly id: bigint;
  readonly data: string;
  /** How often it was retried. */
  readonly retry: number;
  /** sub_id of the only consumer that gets it. */
  readonly owner: number | undefined;
  readonly txid: bigint;
}

/** What is known of a queue by its history alone: committed events and what each tick has seen of them. */
export class QueueModel {
  readonly committed: EventRow[] = [];
  /** By id, in the order of ids: what was committed when the tick's snapshot was taken. */
  readonly #ticks = new Map<bigint, ReadonlySet<EventRow>>();
  /** What consumers have asked for again and maintenance has not yet put back, by owner and id. */
  readonly retries = new Map<string, EventRow>();

  /** Adds a committed tick, when all that it sees is in `committed`. */
  addTick(id: bigint, snapshot: string): number {
    const sees = visibility(snapshot);
    const seen = new Set(this.committed.filter(({ txid }) => sees(txid)));
    this.#ticks.set(id, seen);
    return seen.size;
  }

  get newestTick(): bigint {
    return [...this.#ticks.keys()].reduce((newest, id) => (id > newest ? id : newest), 0n);
  }

  /** The first tick after this one. */
  nextTick(last: bigint): bigint | undefined {
    return [...this.#ticks.keys()].filter((id) => id > last).sort((a, b) => (a < b ? -1 : 1))[0];
  }

  /** What a consumer gets between two ticks; to the end of time without a second one. */
  between(last: bigint, next: bigint | undefined, owner: number): EventRow[] {
    const before = this.#ticks.get(last);
    const until = next === undefined ? this.committed : this.#ticks.get(next);
    if (before === undefined || until === undefined) throw new Error(`Tick ${last} or ${next} is not known.`);
    return [...until].filter((row) => !before.has(row) && (row.owner ?? owner) === owner);
  }
}

/** An event as text, so that lists can be compared: `id/times retried data`. */
export function eventText(row: Pick<EventRow, 'id' | 'data' | 'retry'>): string {
  return `${row.id}/${row.retry} ${row.data}`;
}

/** Events in an order that does not depend on who delivered them when. */
export function sortedTexts(rows: readonly Pick<EventRow, 'id' | 'data' | 'retry'>[]): string[] {
  return rows.map(eventText).sort();
}

/** Which transaction ids a snapshot in PostgreSQL's text form (`xmin:xmax:running,…`) sees as ended. */
function visibility(snapshot: string): (txid: bigint) => boolean {
  const [, xmax = '', running = ''] = snapshot.split(':');
  const open = new Set(running.split(',').filter(Boolean));
  return (txid) => txid < BigInt(xmax) && !open.has(`${txid}`);
}
