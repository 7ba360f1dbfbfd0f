import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import type { ScriptStatement } from './split-script.js';

/** A replicated table that the transaction has locked so far. */
export interface ScriptLock {
  readonly tableName: string;
  readonly destTable: string;
  readonly mergeState: string | null;
  /** Rows were written. */
  readonly isWritten: boolean;
  /** The lock keeps other writers out until the end. */
  readonly isClosed: boolean;
}

/** The replicated tables of a queue that the open transaction has read, written or altered so far. */
export async function readScriptLocks(tx: Connection, queueName: string): Promise<ScriptLock[]> {
  const rows = await tx.query<{
    table_name: string;
    dest_table: string;
    merge_state: string | null;
    is_written: boolean;
    is_closed: boolean;
  }>('select * from pgcascade.script_locks($1)', [queueName]);
  return rows.map((row) => ({
    tableName: row.table_name,
    destTable: row.dest_table,
    mergeState: row.merge_state,
    isWritten: row.is_written,
    isClosed: row.is_closed,
  }));
}

/** Thrown to begin a script anew with these tables locked first. */
export class OpenTables extends Error {
  readonly tables: readonly string[];

  constructor(tables: readonly string[]) {
    super(`The script has to lock ${tables.join(', ')} first.`);
    this.tables = tables;
  }
}

const WRITES_ROWS = /^(?:insert|update|delete|merge|with)\b/;

/**
 * Sees to it that rows which a script writes on the root are written from the same rows on every node.
 *
 * On the nodes the script sees all events before its own and none after it. On the root another transaction may be writing
 * to the same tables: its rows would be in the queue before the script and the script had not seen them. So as soon as
 * the script writes rows of a replicated table, every replicated table that it reads or writes must have been locked
 * against other writers before it was first touched. Statements that only change the schema lock what they need by themselves.
 */
export class WriteGuard {
  readonly #tx: Connection;
  readonly #queueName: string;
  readonly #closed: Set<string>;
  /** Touched before they were closed. */
  readonly #open = new Set<string>();

  private constructor(tx: Connection, queueName: string, closed: readonly string[]) {
    this.#tx = tx;
    this.#queueName = queueName;
    this.#closed = new Set(closed);
  }

  /**
   * Begins with these tables, named as in this database, locked in this order; from then on no lock is waited for longer
   * than `furtherMs`. Throws the server's error when one is not free in time.
   */
  static async open(
    tx: Connection,
    queueName: string,
    tables: readonly string[],
    furtherMs: number,
  ): Promise<WriteGuard> {
    const [first, ...others] = tables;
    const guard = new WriteGuard(tx, queueName, tables);
    if (first !== undefined) await guard.#lock([first]);
    await tx.execute(`set local lock_timeout = ${furtherMs}`);
    await guard.#lock(others);
    return guard;
  }

  /** To be called before each statement: locks what a plain INSERT, UPDATE, DELETE or MERGE reads and writes. */
  async before(statement: ScriptStatement): Promise<void> {
    if (!WRITES_ROWS.test(statement.words[0] ?? '')) return;
    await this.#tx.execute('savepoint pgc_look');
    let found: ScriptLock[] = [];
    try {
      await this.#tx.executeOnly(`explain ${statement.text}`);
      found = await readScriptLocks(this.#tx, this.#queueName);
    } catch {
      // What is wrong with the statement it will say itself, when it is run.
    }
    await this.#tx.execute('rollback to savepoint pgc_look; release savepoint pgc_look');
    if (!found.some(({ isWritten }) => isWritten)) return;
    const fresh = found
      .filter(({ destTable }) => !this.#closed.has(destTable) && !this.#open.has(destTable))
      .map(({ destTable }) => destTable);
    await this.#lock(fresh);
    for (const table of fresh) this.#closed.add(table);
  }

  /** To be called after each statement. Throws OpenTables when something was written that another transaction may write too. */
  async after(): Promise<void> {
    const locks = await readScriptLocks(this.#tx, this.#queueName);
    for (const { destTable, isClosed, isWritten } of locks) {
      if (this.#closed.has(destTable) || this.#open.has(destTable)) continue;
      // One statement that both closes and writes a table may have written first.
      (isClosed && !isWritten ? this.#closed : this.#open).add(destTable);
    }
    if (this.#open.size > 0 && locks.some(({ isWritten }) => isWritten)) {
      throw new OpenTables(
        [...this.#closed, ...this.#open].filter((table) =>
          locks.some(({ destTable }) => destTable === table),
        ),
      );
    }
  }

  async #lock(tables: readonly string[]): Promise<void> {
    if (tables.length === 0) return;
    const names = tables.map(quoteName).join(', ');
    await this.#tx.execute(`lock table ${names} in share row exclusive mode`);
  }
}
