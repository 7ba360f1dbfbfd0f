import { loadTargetTable } from '../apply/load-target-table.js';
import type { TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';

/** One table that is registered on the queue, as this node sees it. */
export interface RegisteredTable {
  /** Name in the queue (ev_extra1), `schema.name`. */
  readonly tableName: string;
  /** Name in this database. */
  readonly destTable: string;
  /** False: known on the queue, not replicated here. */
  readonly local: boolean;
  /** As Londiste stores it: null, in-copy, catching-up, wanna-sync:T, do-sync:T, ok. */
  readonly mergeState: string | null;
  readonly attributes: string | null;
  /** Set while the table is parked. */
  readonly errorCode: string | null;
}

/**
 * The tables of one queue, held in memory and read again when their version in the database has changed, so that a
 * batch costs the same with ten tables and ten thousand.
 */
export class TableRegistry {
  readonly #queueName: string;
  #version = -1n;
  #tables = new Map<string, RegisteredTable>();
  #targets = new Map<string, TargetTable>();

  constructor(queueName: string) {
    this.#queueName = queueName;
  }

  /** Reads the list when `version`, as pgcascade.worker_state gives it, is not the one that is held. */
  async refresh(connection: Connection, version: bigint): Promise<boolean> {
    if (version === this.#version) return false;
    await this.reload(connection);
    this.#version = version;
    return true;
  }

  /**
   * Reads everything anew in the middle of a batch, whose transaction may have changed it. The next refresh reads it once
   * more: the transaction may be rolled back.
   */
  async reload(connection: Connection): Promise<void> {
    const rows = await connection.query<{
      table_name: string;
      dest_table: string;
      local: boolean;
      merge_state: string | null;
      table_attrs: string | null;
      error_code: string | null;
    }>('select * from pgcascade.table_list($1)', [this.#queueName]);
    this.#tables = new Map(
      rows.map((row) => [
        row.table_name,
        {
          tableName: row.table_name,
          destTable: row.dest_table,
          local: row.local,
          mergeState: row.merge_state,
          attributes: row.table_attrs,
          errorCode: row.error_code,
        },
      ]),
    );
    this.forget();
  }

  /** Forgets what is held: the next refresh reads everything. */
  forget(): void {
    this.#version = -1n;
    this.#targets.clear();
  }

  get tables(): Iterable<RegisteredTable> {
    return this.#tables.values();
  }

  find(tableName: string): RegisteredTable | undefined {
    return this.#tables.get(tableName);
  }

  /** True when the worker itself applies the table's events. */
  isApplied(tableName: string): boolean {
    const table = this.#tables.get(tableName);
    return table?.local === true && table.mergeState === 'ok' && table.errorCode === null;
  }

  /** The table's shape on the subscriber, read once. Throws PC406 when it is not there. */
  async target(connection: Connection, tableName: string): Promise<TargetTable> {
    let target = this.#targets.get(tableName);
    if (target === undefined) {
      const table = this.#tables.get(tableName);
      target = await loadTargetTable(connection, tableName, table?.destTable ?? tableName);
      this.#targets.set(tableName, target);
    }
    return target;
  }

  /** Forgets one table's shape, which may have changed under us. */
  forgetTarget(tableName: string): void {
    this.#targets.delete(tableName);
  }
}
