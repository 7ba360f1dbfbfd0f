import { setTimeout as sleep } from 'node:timers/promises';
import type { Connection } from '../../src/db/connection.js';
import type { TestNode } from './test-node.js';

const POLL_MS = 5;

/** Locks of sessions of one kind, and who waited for them, as the server tells it again and again. */
export class LockWatch implements AsyncDisposable {
  readonly #session: Connection;
  readonly #application: string;
  readonly #held = new Set<string>();
  readonly #waits = new Set<string>();
  #looks = 0;
  #isEnding = false;
  #running: Promise<void> = Promise.resolve();

  private constructor(session: Connection, application: string) {
    this.#session = session;
    this.#application = application;
  }

  /** `application`: what the names of the sessions begin with. */
  static async open(node: TestNode, application: string): Promise<LockWatch> {
    const watch = new LockWatch(await node.connect(), application);
    watch.#running = watch.#run();
    return watch;
  }

  /** How often it has looked. */
  get looks(): number {
    return this.#looks;
  }

  /** Who waited for one of the sessions until now, of whatever kind: "who waits for whom". The ticker waits for a tick by design. */
  get waits(): readonly string[] {
    return [...this.#waits].sort();
  }

  /** Relations that they had locked until now, with the mode. */
  get held(): readonly string[] {
    return [...this.#held].sort();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnding = true;
    await this.#running;
    await this.#session.close();
  }

  async #run(): Promise<void> {
    while (!this.#isEnding) {
      const locks = await this.#session.query<{ lock: string }>(
        `select distinct n.nspname || '.' || c.relname || ' ' || l.mode as lock
           from pg_stat_activity as a
           join pg_locks as l on l.pid = a.pid and l.locktype = 'relation' and l.granted
           join pg_class as c on c.oid = l.relation
           join pg_namespace as n on n.oid = c.relnamespace
          where left(a.application_name, length($1)) = $1`,
        [this.#application],
      );
      for (const { lock } of locks) this.#held.add(lock);
      const blocked = await this.#session.query<{ waiting: string; by: string }>(
        `select w.application_name as waiting, b.application_name as by
           from pg_stat_activity as w
          cross join lateral unnest(pg_blocking_pids(w.pid)) as p(pid)
           join pg_stat_activity as b on b.pid = p.pid
          where w.wait_event_type = 'Lock' and left(b.application_name, length($1)) = $1
            and w.application_name not like '%ticker%' and left(w.application_name, length($1)) <> $1`,
        [this.#application],
      );
      for (const { waiting, by } of blocked) this.#waits.add(`${waiting} waits for ${by}`);
      this.#looks++;
      await sleep(POLL_MS);
    }
  }
}
