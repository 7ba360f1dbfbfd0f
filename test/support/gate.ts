import type { Connection } from '../../src/db/connection.js';
import type { TestNode } from './test-node.js';
import { waitUntilSeen } from './wait-until.js';

/** Advisory lock of the gates that tables have: see `GATED`. */
const GATE_LOCK = 4_711;

/** Lets nobody pass a place in a database: a lock in a transaction of its own, until it is opened. */
export class Gate implements AsyncDisposable {
  readonly #session: Connection;
  readonly #node: TestNode;
  readonly #pid: number;

  private constructor(session: Connection, node: TestNode, pid: number) {
    this.#session = session;
    this.#node = node;
    this.#pid = pid;
  }

  /** Takes the lock that the SQL takes. */
  static async close(node: TestNode, sql: string): Promise<Gate> {
    const session = await node.application();
    await session.execute(`begin; ${sql}`);
    const { pid } = await session.one<{ pid: number }>('select pg_backend_pid() as pid');
    return new Gate(session, node, pid);
  }

  /** Waits until one of our programs stands before it, with a statement that holds the text. */
  async isReached(statement = ''): Promise<void> {
    await waitUntilSeen(
      `a program stands before the gate on ${this.#node.name} with ${statement || 'any statement'}`,
      () =>
        this.#node.query<{ program: string; query: string }>(
          `select application_name as program, query from pg_stat_activity
            where $1 = any (pg_blocking_pids(pid)) and application_name like 'pgcascade/%'`,
          [this.#pid],
        ),
      (seen) => seen.some(({ query }) => query.toLowerCase().includes(statement)),
    );
  }

  /** Lets go. Safe to repeat. */
  async open(): Promise<void> {
    await this.#session.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.open();
  }
}

/** The lock of a gate that `GATED` makes. */
export const GATED_LOCK = `select pg_advisory_xact_lock(${GATE_LOCK})`;

/**
 * SQL for a subscriber: whoever writes such a row of the table, by replication too, stands there until the gate with `GATED_LOCK` is
 * open. `condition` is on `new`.
 */
export function gated(table: string, condition: string): string {
  return `
    create or replace function public.pass_gate() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock_shared(${GATE_LOCK});
      return new;
    end $$;
    create trigger gate before insert on ${table} for each row when (${condition}) execute procedure public.pass_gate();
    alter table ${table} enable always trigger gate;`;
}

/** SQL for a subscriber: whoever builds this index stands at the key. `key` is an integer column. */
export function gatedIndex(index: string, table: string, key: string, value: number): string {
  return `
    create function public.gate_key(p int) returns int language plpgsql immutable as $$ begin
      if p = ${value} then perform pg_advisory_xact_lock_shared(${GATE_LOCK}); end if;
      return p;
    end $$;
    create index ${index} on ${table} (public.gate_key(${key}));`;
}
