import type { Connection } from '../db/connection.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import type { Logger } from '../runtime/log.js';

/** How often the tables are looked at: what was changed without the event trigger is followed within this time. */
const LOOK_EVERY_MS = 1500;
/** How long a table's triggers wait for its lock; every writer that comes meanwhile waits as long. */
const LOCK_TIMEOUT_MS = 1000;
const TRY_AGAIN_MS = 10_000;

/**
 * Sees to the triggers of captured tables that somebody has altered, renamed, replaced or dropped without `execute`, and
 * says what has happened. Where the installing role may create an event trigger that has done it already, in the
 * transaction of the change; then there is only something to say.
 *
 * Remembers in memory what it has seen; a ticker that starts looks at all tables once.
 */
export class CaptureWatch {
  readonly #log: Logger;
  #notBefore = 0;
  #fingerprint: string | null | undefined;
  #lastChange: bigint | undefined;
  #silent = '';
  #isLooking = false;
  /** Tables of which an error was logged. */
  readonly #failed = new Set<string>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /**
   * True when a look is due and something may be different since the last: one cheap query at most every 1.5 s, nothing
   * in between.
   */
  async isDue(connection: Connection): Promise<boolean> {
    const now = performance.now();
    if (now < this.#notBefore || this.#isLooking) return false;
    this.#notBefore = now + LOOK_EVERY_MS;
    const { may } = await connection.one<{ may: boolean | null }>(`
      select pg_catalog.has_function_privilege(pg_catalog.to_regprocedure('pgcascade.tables_fingerprint()')::oid, 'execute') as may`);
    if (may !== true) return false;
    const { fingerprint } = await connection.one<{ fingerprint: string | null }>(
      'select pgcascade.tables_fingerprint() as fingerprint',
    );
    if (fingerprint === this.#fingerprint) return false;
    this.#fingerprint = fingerprint;
    return true;
  }

  /**
   * Brings the triggers of all changed tables up to date, each in a transaction of its own, and logs what was recorded
   * since the last call. A table whose lock is not free is tried again later. Safe to repeat.
   */
  async look(connection: Connection): Promise<void> {
    this.#isLooking = true;
    try {
      await this.#followTables(connection);
      await this.#sayWhatChanged(connection);
      await this.#sayWhatIsSilent(connection);
    } finally {
      this.#isLooking = false;
    }
  }

  async #followTables(connection: Connection): Promise<void> {
    const tables = await connection.query<{ queue_name: string; table_name: string }>(
      'select queue_name, table_name from pgcascade.changed_tables()',
    );
    for (const { queue_name: queue, table_name: table } of tables) {
      try {
        await connection.transaction(async (tx) => {
          await tx.execute(`set local lock_timeout = ${LOCK_TIMEOUT_MS}`);
          await tx.query('select pgcascade.follow_table($1, $2, false, true)', [queue, table]);
        });
        this.#failed.delete(`${queue} ${table}`);
      } catch (error) {
        if (sqlstateOf(error) === undefined) throw error;
        this.again();
        if (sqlstateOf(error) === SQLSTATE.lockNotAvailable) {
          this.#log.info(
            { queue, table },
            'A table has changed and is busy: its triggers will be made anew later',
          );
        } else if (!this.#failed.has(`${queue} ${table}`)) {
          this.#failed.add(`${queue} ${table}`);
          this.#log.error(
            { err: error, queue, table },
            'A table has changed and its triggers cannot be made anew: mend what the error says, or run "replicate INI add-table" for it',
          );
        }
      }
    }
  }

  /** The look was not finished: another one is due in a while, whether something is different by then or not. */
  again(): void {
    this.#fingerprint = undefined;
    this.#notBefore = performance.now() + TRY_AGAIN_MS;
  }

  async #sayWhatChanged(connection: Connection): Promise<void> {
    if (this.#lastChange === undefined) {
      const { last } = await connection.one<{ last: bigint }>(
        `select coalesce(max(change_no) filter (where happened_at < now() - interval '1 minute'), 0)::bigint as last
           from pgcascade.schema_change`,
      );
      this.#lastChange = last;
    }
    const changes = await connection.query<{
      change_no: bigint;
      queue_name: string;
      table_name: string;
      outcome: string;
      message: string;
    }>(
      `select change_no, queue_name, table_name, outcome, message
         from pgcascade.schema_change where change_no > $1 order by change_no limit 1000`,
      [this.#lastChange],
    );
    for (const change of changes) {
      this.#lastChange = change.change_no;
      this.#log.warn(
        { queue: change.queue_name, table: change.table_name, outcome: change.outcome },
        `Table changed without "execute": ${change.message}`,
      );
    }
  }

  async #sayWhatIsSilent(connection: Connection): Promise<void> {
    const tables = await connection.query<{ queue_name: string; table_name: string }>(
      'select queue_name, table_name from pgcascade.silent_tables()',
    );
    const silent = tables.map(({ queue_name, table_name }) => `${queue_name} ${table_name}`).join(', ');
    if (silent !== this.#silent && silent !== '') {
      this.#log.error(
        { tables: silent },
        'Triggers of captured tables are disabled or gone: writes to them are lost to the nodes below. Enable them ("alter table … enable trigger all"), then "compare" or "resync" these tables there',
      );
    }
    this.#silent = silent;
  }
}
