import type { Connection } from '../db/connection.js';
import { sleep } from '../runtime/sleep.js';

const POLL_MS = 40;

/** What a session waited for when it was seen waiting last. */
export interface LockWait {
  /** `schema.name`. */
  readonly tableName: string;
  /** Who was in the way, for a message. */
  readonly holders: string;
}

/**
 * Looks again and again at what another session waits for: when a statement gives up waiting for a lock, its error does not
 * say for which.
 */
export class LockWatch implements AsyncDisposable {
  readonly #connection: Connection;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #seen: LockWait | undefined;

  private constructor(connection: Connection, pid: number) {
    this.#connection = connection;
    this.#ended = this.#watch(pid);
  }

  /** Takes over `connection` and closes it in the end. */
  static async start(connection: Connection, watched: Connection): Promise<LockWatch> {
    const { pid } = await watched.one<{ pid: number }>('select pg_backend_pid() as pid');
    return new LockWatch(connection, pid);
  }

  /** The wait that was seen last since the last call; undefined when none was. */
  take(): LockWait | undefined {
    const seen = this.#seen;
    this.#seen = undefined;
    return seen;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    await this.#ended;
    await this.#connection.close();
  }

  /** A wait that ends while it is looked at has no holders any more; those that were seen before tell more. */
  #note(tableName: string, holders: string | null): void {
    if (holders === null && this.#seen?.tableName === tableName) return;
    this.#seen = { tableName, holders: holders ?? 'a session that has ended' };
  }

  /** Never throws: without a watch the message says less, and the order of the locks stays. */
  async #watch(pid: number): Promise<void> {
    try {
      do {
        const [row] = await this.#connection.query<{ table_name: string; holders: string | null }>(WAIT_SQL, [
          pid,
        ]);
        if (row !== undefined) this.#note(row.table_name, row.holders);
      } while (await sleep(POLL_MS, this.#stopping.signal));
    } catch {
      this.#seen = undefined;
    }
  }
}

const WAIT_SQL = `
  select n.nspname || '.' || c.relname as table_name,
         (select string_agg(
                     format('pid %s of %s (%s)', b.pid, b.usename, left(regexp_replace(b.query, '\\s+', ' ', 'g'), 60)), ', ')
            from (select a.pid, a.usename, a.query
                    from pg_stat_activity as a
                   where a.pid = any (pg_blocking_pids($1))
                   order by a.xact_start
                   limit 3) as b) as holders
    from pg_locks as l
    join pg_class as c on c.oid = l.relation
    join pg_namespace as n on n.oid = c.relnamespace
   where l.pid = $1
     and not l.granted
     and c.relkind in ('r', 'p')
   limit 1`;
