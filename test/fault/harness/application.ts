import type { Connection } from '../../../src/db/connection.js';
import { seededRandom } from '../../support/random.js';
import type { TestNode } from '../../support/test-node.js';
import { WritingLoop } from '../../support/writing-loop.js';
import { ACCOUNTS, BULK_ROWS, KEYS, MOVED_ROWS, PARCELS, REGIONS } from './workload-tables.js';

const PAUSE_MS = 30;
const LARGE_ROW_BYTES = 1_300_000;

/** Thrown inside a transaction that is to be rolled back. */
class RolledBack extends Error {}

/** An application that writes to whichever node is the root until it is told to stop, through whatever happens to its server. */
export class Application {
  readonly #random: () => number;
  readonly #loop: WritingLoop;
  /** Why it could not write: what the harness does wrong, a server that is away, or a capture that fails a write. */
  readonly refusals = new Map<string, number>();

  /** Starts writing. Marks of different applications must not meet: `firstMark` is far apart. */
  constructor(root: () => Promise<TestNode>, seed: number, firstMark: bigint) {
    this.#random = seededRandom(seed);
    this.#loop = new WritingLoop({
      connect: async () => {
        const connection = await (await root()).application();
        await connection.execute("set lock_timeout = '3s'");
        return connection;
      },
      write: (connection, mark) => this.#write(connection, mark),
      firstMark,
      pauseMs: PAUSE_MS,
      onError: (error) => this.#note(error),
    });
  }

  /** The marks of the transactions whose commit was answered. */
  get acknowledged(): readonly bigint[] {
    return this.#loop.acknowledged;
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  #note(error: unknown): void {
    const refusal = describeRefusal(error);
    this.refusals.set(refusal, (this.refusals.get(refusal) ?? 0) + 1);
  }

  #number(most: number): number {
    return 1 + Math.floor(this.#random() * most);
  }

  async #write(connection: Connection, mark: bigint): Promise<boolean> {
    const previous = this.acknowledged.at(-1) ?? null;
    try {
      await connection.transaction(async (tx) => {
        await this.#transfer(tx);
        const appended = await this.#append(tx);
        await tx.query('insert into public.ledger (mark, previous, appended) values ($1, $2, $3)', [
          mark,
          previous,
          appended,
        ]);
        await this.#more(tx, mark);
        if (this.#random() < 0.05) throw new RolledBack();
      });
      return true;
    } catch (error) {
      if (error instanceof RolledBack) return false;
      throw error;
    }
  }

  async #transfer(tx: Connection): Promise<void> {
    const amount = (this.#random() * 10).toFixed(2);
    const [one, other] = [this.#number(ACCOUNTS), this.#number(ACCOUNTS)].sort((a, b) => a - b);
    await tx.query('update public.account set balance = balance - $1 where id = $2', [amount, one]);
    if (this.#random() < 0.1) {
      // What a savepoint takes back must not be seen anywhere.
      await tx.execute(
        'savepoint s; update public.account set balance = balance + 1000 where id = 1; rollback to s',
      );
    }
    if (this.#random() < 0.02) await pause(300 + this.#random() * 900);
    await tx.query('update public.account set balance = balance + $1 where id = $2', [amount, other]);
  }

  async #append(tx: Connection): Promise<number> {
    if (this.#random() < 0.4) return 0;
    const keys = [...new Set([this.#number(KEYS), this.#number(KEYS)])].sort((a, b) => a - b);
    for (const key of keys) {
      await tx.query(
        `with h as (update public.list_head set length = length + 1 where key = $1 returning key, length)
         insert into public.list_item select key, length, md5(key || ':' || length) from h`,
        [key],
      );
    }
    return keys.length;
  }

  async #more(tx: Connection, mark: bigint): Promise<void> {
    const dice = this.#random();
    if (dice < 0.2) {
      const lines = this.#number(5);
      await tx.query(
        `with p as (insert into public.purchase (line_count) values ($1) returning id)
         insert into public.purchase_line select p.id, g, 'line ' || g from p, generate_series(1, $1) as g`,
        [lines],
      );
    } else if (dice < 0.27) {
      await tx.execute('delete from public.purchase where id = (select min(id) from public.purchase)');
    } else if (dice < 0.33) {
      await tx.execute(
        `with p as (update public.purchase set line_count = line_count + 1
                     where id = (select max(id) from public.purchase) returning id, line_count)
         insert into public.purchase_line select id, line_count, 'one more' from p`,
      );
    } else if (dice < 0.48) {
      const copies = this.#number(3);
      await tx.query(
        'insert into public.note select $1::bigint, $2::int, $3::text from generate_series(1, $2::int)',
        [mark, copies, 'the same'],
      );
    } else if (dice < 0.54) {
      await tx.execute(
        `with gone as (delete from public.note where ctid = (select min(ctid::text)::tid from public.note) returning mark)
         update public.note as n set copies = copies - 1 from gone
          where n.mark = gone.mark and n.ctid <> (select min(ctid::text)::tid from public.note)`,
      );
    } else if (dice < 0.58) {
      const total = this.#number(40);
      await tx.execute('truncate public.stage');
      await tx.query(
        'insert into public.stage select $1::bigint, g, $2::int from generate_series(1, $2::int) as g',
        [mark, total],
      );
    } else if (dice < 0.62) {
      await tx.execute('update public.bulk set round = round + 1');
    } else if (dice < 0.64) {
      await tx.execute(`lock table public.bulk in share row exclusive mode;
        delete from public.bulk where id % 2 = 0;
        update public.bulk set round = round + 1;
        insert into public.bulk select g, (select max(round) from public.bulk), md5(g::text)
          from generate_series(2, ${BULK_ROWS}, 2) as g`);
    } else if (dice < 0.72) {
      await tx.query('update public.moved set id = $1::bigint where payload = $2', [
        mark,
        this.#number(MOVED_ROWS),
      ]);
    } else if (dice < 0.74) {
      await tx.query('update public.moved set id = id + $1::bigint', [2n ** 48n]);
      await tx.query('update public.moved set id = $1::bigint + payload where payload % 3 = 0', [
        mark * 1000n,
      ]);
    } else if (dice < 0.8) {
      await this.#writeWide(tx, mark, 20_000);
    } else if (dice < 0.803) {
      await this.#writeWide(tx, mark, LARGE_ROW_BYTES);
    } else if (dice < 0.83) {
      await tx.execute('delete from public.wide where id = (select min(id) from public.wide)');
    } else if (dice < 0.92) {
      await this.#moveParcels(tx);
    }
  }

  /** One at a time: who looks for a row while it moves to another partition would not find it. */
  async #moveParcels(tx: Connection): Promise<void> {
    await tx.execute('lock table public.parcel in share row exclusive mode');
    await tx.query('update public.parcel set weight = weight - 1 where id = $1', [this.#number(PARCELS)]);
    // PostgreSQL 10 moves no row by an update.
    const isMovedByUpdate = tx.serverVersion >= 110_000;
    const region = REGIONS[this.#number(REGIONS.length) - 1] as string;
    const [some, remainder] = [this.#number(PARCELS), this.#number(PARCELS) - 1];
    await tx.query(
      isMovedByUpdate
        ? 'update public.parcel set region = $1::text where id % $2::int = $3::int'
        : `with gone as (delete from public.parcel where id % $2::int = $3::int returning id, weight)
           insert into public.parcel (region, id, weight) select $1::text, id, weight from gone`,
      [region, some, remainder],
    );
    await tx.query('update public.parcel set weight = weight + 1 where id = $1', [this.#number(PARCELS)]);
  }

  async #writeWide(tx: Connection, mark: bigint, bytes: number): Promise<void> {
    await tx.query(
      `insert into public.wide select $1::bigint, md5(body), body
         from (select repeat(md5($1::bigint::text), $2::int / 32) as body) as made`,
      [mark, bytes],
    );
  }
}

/** Its code, and the message of one that our own SQL may have raised. */
function describeRefusal(error: unknown): string {
  const { code, message } = error as { code?: string; message: string };
  const state = (error as { cause?: { code?: string } }).cause?.code ?? code;
  return state === undefined || state === 'P0001' ? message : state;
}

/** SQLSTATE classes, codes of sockets and messages of a server that is away, full or overloaded, of a deadlock, and of a root that is closed for a takeover. */
const PASSING =
  /^(08|40|53|55|57|58|E[A-Z]+$|PC2|No node is an open root|Insert into queue disallowed|Connection|timeout)/;

/** Whether an application may be refused so while faults happen. Whatever else fails its writes is our doing. */
export function mayBeRefusedSo(refusal: string): boolean {
  return PASSING.test(refusal);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
