import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../db/connection.js';

/** Products above this are left alone by the writes, so that a change made by hand stays. */
export const LAST_PRODUCT_WRITTEN = 1_900;

const PAUSE_MS = 5;

/** What the application did so far. */
export interface WriteCounts {
  readonly transactions: number;
  /** The longest that one transaction took: shows what replication cost the application. */
  readonly longestMs: number;
}

/**
 * The application of the demo: short transactions on the old server without end, over all tables. The first one that fails
 * ends it; `stop` then throws that error.
 */
export class ShopWrites {
  readonly #connection: Connection;
  readonly #running: Promise<void>;
  #stopped = false;
  #transactions = 0;
  #longestMs = 0;
  #failure: unknown;

  /** Starts to write. The connection is used by nobody else until `stop`. */
  constructor(connection: Connection) {
    this.#connection = connection;
    this.#running = this.#run();
  }

  get counts(): WriteCounts {
    return { transactions: this.#transactions, longestMs: Math.round(this.#longestMs) };
  }

  /** Ends the writes after the current transaction. Safe to repeat. */
  async stop(): Promise<WriteCounts> {
    this.#stopped = true;
    await this.#running;
    if (this.#failure !== undefined) throw this.#failure;
    return this.counts;
  }

  async #run(): Promise<void> {
    try {
      while (!this.#stopped) {
        const started = performance.now();
        await this.#connection.transaction(() => this.#write(this.#transactions));
        this.#longestMs = Math.max(this.#longestMs, performance.now() - started);
        this.#transactions++;
        await sleep(PAUSE_MS);
      }
    } catch (error) {
      // Kept for whoever calls stop: an application that fails makes the demo fail.
      this.#failure = error;
    }
  }

  async #write(number: number): Promise<void> {
    for (const statement of WRITES) await this.#connection.query(statement(number));
  }
}

const WRITES: readonly ((number: number) => string)[] = [
  (number) =>
    `with o as (
         insert into orders (customer_id, remark) values (1 + ${number * 13} % 10000, E'order \\\\ "${number}"') returning id)
     insert into order_lines (order_id, line_no, product_id, quantity, price)
     select o.id, n, 1 + (${number * 11} + n) % ${LAST_PRODUCT_WRITTEN}, n, 9.90 from o, generate_series(1, 3) n`,
  (number) =>
    `update products set price = price + 0.01, sizes = sizes || ${number}::numeric
      where id = 1 + ${number * 17} % ${LAST_PRODUCT_WRITTEN}`,
  (number) =>
    `update customers set profile = profile || '{"seen": ${number}}', name = name || '''' where id = 1 + ${number * 7} % 10000`,
  (number) =>
    `update orders set status = 'sent', deliver_in = '1 day ${number % 24}:30:00' where id = 1 + ${number * 3} % 19000`,
  (number) => `delete from orders where id = 20000 - ${number} and id > 19000`,
  (number) => `insert into audit_log (who, what) values ('application', 'transaction ${number}')`,
  (number) =>
    `delete from audit_log where ctid = (select min(ctid) from audit_log where who = 'user${number % 20}')`,
  (number) =>
    `insert into events (happened_at, kind, payload)
     values (timestamptz '2026-05-01 00:00+00' + ${number} * interval '1 hour', 'order', '{"n": ${number}}')`,
  () => `select nextval('invoice_numbers')`,
];
