import { loadTargetTable } from '../apply/load-target-table.js';
import type { RowRewrite } from '../apply/row-rewrite.js';
import type { TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { HandlerSettings } from '../handlers/contract.js';
import { type BoundHandler, NO_HANDLER, tryToBindHandler } from '../handlers/registry.js';
import { isWholeTable } from '../handlers/row-selection.js';
import { SelectedRows } from '../handlers/selected-rows.js';
import { readSourceColumns, type SourceColumn } from '../handlers/source-columns.js';
import { type ConflictPolicy, readConflictPolicy } from '../replica/conflict-policy.js';

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
  /** How it is replicated here; an error when its attributes name no handler that there is. */
  readonly handler: BoundHandler | ReplicateError;
  /** Set while the table is parked. */
  readonly errorCode: string | null;
  /** What is done when an event cannot be applied; undefined: what is done with all tables. */
  readonly conflictPolicy: ConflictPolicy | undefined;
}

type TableRow = {
  readonly table_name: string;
  readonly dest_table: string;
  readonly local: boolean;
  readonly merge_state: string | null;
  readonly table_attrs: string | null;
  readonly error_code: string | null;
  readonly policy: string | null;
};

/** A table that is not registered any more. */
type RemovedRow = {
  readonly table_name: string;
  readonly local: null;
};

/** True for a table that goes on by itself when it fits its events. */
export function isWaiting(table: RegisteredTable): boolean {
  return table.local && table.errorCode === 'PC403' && table.mergeState === 'catching-up';
}

/**
 * The tables of one queue, held in memory and read again when their version in the database has changed, so that a
 * batch costs the same with ten tables and ten thousand.
 */
export class TableRegistry {
  readonly #queueName: string;
  readonly #settings: HandlerSettings;
  readonly #isMerged: boolean;
  readonly #conflictPolicy: ConflictPolicy;
  #version = -1n;
  #tables = new Map<string, RegisteredTable>();
  #targets = new Map<string, TargetTable>();
  readonly #sourceColumns = new Map<string, readonly SourceColumn[]>();
  /** To be read again between two batches. Until then the types here count for more: a script may have changed both. */
  readonly #staleSources = new Set<string>();
  #hasForwardedSelections = false;
  #timedTables: readonly string[] = [];
  #waiting: readonly RegisteredTable[] = [];
  #rewrites = new Map<string, RowRewrite>();

  /** `isMerged`: the queue's rows go on into a combined queue, so what is left out here must not be in its events. */
  constructor(
    queueName: string,
    settings: HandlerSettings,
    { isMerged = false, conflictPolicy = 'park' as ConflictPolicy } = {},
  ) {
    this.#queueName = queueName;
    this.#conflictPolicy = conflictPolicy;
    this.#settings = settings;
    this.#isMerged = isMerged;
  }

  /**
   * Reads what has changed when `version`, as pgcascade.worker_state gives it, is not the one that is held. The shapes of all
   * tables are read again then: who changes a table's registration may have changed tables too.
   */
  async refresh(connection: Connection, version: bigint): Promise<boolean> {
    if (version === this.#version) return false;
    if (this.#version < 0n || version < this.#version) {
      await this.reload(connection);
    } else {
      // Later changes may be among them, and come once more then.
      const rows = await connection.query<TableRow | RemovedRow>(
        'select * from pgcascade.table_changes($1, $2)',
        [this.#queueName, this.#version],
      );
      for (const row of rows) {
        if (row.local === null) this.#tables.delete(row.table_name);
        else this.#tables.set(row.table_name, this.#bind(row));
      }
      this.#forgetShapes();
      this.#noteTables();
    }
    this.#version = version;
    return true;
  }

  /**
   * Reads everything anew in the middle of a batch, whose transaction may have changed it. The next refresh reads it once
   * more: the transaction may be rolled back.
   */
  async reload(connection: Connection): Promise<void> {
    const rows = await connection.query<TableRow>('select * from pgcascade.table_list($1)', [
      this.#queueName,
    ]);
    this.#tables = new Map(rows.map((row) => [row.table_name, this.#bind(row)]));
    this.forget();
    this.#noteTables();
  }

  #bind(row: TableRow): RegisteredTable {
    return {
      tableName: row.table_name,
      destTable: row.dest_table,
      local: row.local,
      mergeState: row.merge_state,
      attributes: row.table_attrs,
      handler: row.local ? tryToBindHandler(row.table_name, row.table_attrs, this.#settings) : NO_HANDLER,
      errorCode: row.error_code,
      conflictPolicy: readConflictPolicy(row.policy),
    };
  }

  /** What is asked of all tables before each batch. */
  #noteTables(): void {
    const tables = [...this.#tables.values()];
    this.#waiting = tables.filter(isWaiting);
    this.#hasForwardedSelections = tables.some(({ tableName }) => this.forwardsSelection(tableName));
    this.#timedTables = tables
      .filter(({ handler }) => !(handler instanceof ReplicateError) && handler.needsEventTime === true)
      .map(({ tableName }) => tableName);
  }

  /** Forgets what is held: the next refresh reads everything. */
  forget(): void {
    this.#version = -1n;
    this.#forgetShapes();
  }

  #forgetShapes(): void {
    this.#targets.clear();
    this.#rewrites.clear();
    for (const tableName of this.#sourceColumns.keys()) this.#staleSources.add(tableName);
  }

  get tables(): Iterable<RegisteredTable> {
    return this.#tables.values();
  }

  find(tableName: string): RegisteredTable | undefined {
    return this.#tables.get(tableName);
  }

  /** Those of these names that are known. */
  named(tableNames: Iterable<string>): RegisteredTable[] {
    return [...tableNames].flatMap((tableName) => this.#tables.get(tableName) ?? []);
  }

  /** The tables that wait until they fit their events. */
  get waiting(): readonly RegisteredTable[] {
    return this.#waiting;
  }

  /** True when the worker itself applies the table's events. */
  isApplied(tableName: string): boolean {
    const table = this.#tables.get(tableName);
    return table?.local === true && table.mergeState === 'ok' && table.errorCode === null;
  }

  /** What is done when an event of the table cannot be applied. */
  conflictPolicy(tableName: string): ConflictPolicy {
    return this.#tables.get(tableName)?.conflictPolicy ?? this.#conflictPolicy;
  }

  /** True when its shape is held, and its rows are written as they come. */
  isPlain(tableName: string): boolean {
    const handler = this.#tables.get(tableName)?.handler ?? NO_HANDLER;
    if (handler instanceof ReplicateError || !isWholeTable(handler.selection)) return false;
    return this.#targets.has(tableName);
  }

  /** True when a row of the table can be written by the server alone, whatever is in it. */
  takesUnseenRows(tableName: string): boolean {
    const handler = this.#tables.get(tableName)?.handler ?? NO_HANDLER;
    if (handler instanceof ReplicateError) return true;
    return isWholeTable(handler.selection) && this.conflictPolicy(tableName) !== 'ignore-missing';
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

  /**
   * Reads from the provider what the handlers of some tables need to know of their columns there. To be called between
   * two batches: a batch that is read keeps the connection busy.
   */
  async prepareHandlers(
    provider: Connection,
    isWanted: (tableName: string) => boolean = (tableName) =>
      this.isApplied(tableName) || this.forwardsSelection(tableName),
  ): Promise<void> {
    const wanted = [...this.#tables.values()]
      .filter(({ handler }) => !(handler instanceof ReplicateError) && !isWholeTable(handler.selection))
      .map(({ tableName }) => tableName)
      .filter(
        (tableName) =>
          isWanted(tableName) && (!this.#sourceColumns.has(tableName) || this.#staleSources.has(tableName)),
      );
    if (wanted.length === 0) return;
    const found = await readSourceColumns(provider, this.#queueName, wanted);
    for (const tableName of wanted) {
      this.#sourceColumns.set(tableName, found.get(tableName) ?? []);
      this.#staleSources.delete(tableName);
      this.#rewrites.delete(tableName);
    }
  }

  /** Throws PC410 when a table of this node has a handler that there is not. */
  requireHandlers(): void {
    for (const { tableName } of this.#tables.values()) this.handler(tableName);
  }

  /** The tables whose handlers want to know the times of events. */
  get timedTables(): readonly string[] {
    return this.#timedTables;
  }

  /** True when there is a table for which `forwardsSelection` is true. */
  get hasForwardedSelections(): boolean {
    return this.#hasForwardedSelections;
  }

  /** True when the table's events are handed on as this node has their rows: to a branch's queue, or to a combined one. */
  forwardsSelection(tableName: string): boolean {
    const handler = this.#tables.get(tableName)?.handler;
    if (handler === undefined || handler instanceof ReplicateError) return false;
    return (
      handler.forwards === 'selected rows' || (this.#isMerged && handler.selection.columns !== undefined)
    );
  }

  /** The handler of a table. Throws PC410 when there is none such. */
  handler(tableName: string): BoundHandler {
    const handler = this.#tables.get(tableName)?.handler ?? NO_HANDLER;
    if (handler instanceof ReplicateError) throw handler;
    return handler;
  }

  /** What the table's handler makes of its rows; undefined when nothing. Throws PC410. */
  rewrite(target: TargetTable): RowRewrite | undefined {
    const { queueTable } = target;
    const { selection } = this.handler(queueTable);
    if (isWholeTable(selection) && !selection.ignoresTruncate) return undefined;
    let rewrite = this.#rewrites.get(queueTable);
    if (rewrite === undefined) {
      const source = this.#sourceColumns.get(queueTable) ?? [];
      if (selection.values.size > 0 && source.length === 0) {
        throw new ReplicateError('PC410', `What ${queueTable} is on the provider is not known.`, {
          table: queueTable,
        });
      }
      rewrite = new SelectedRows(selection, source, target, this.#staleSources.has(queueTable));
      this.#rewrites.set(queueTable, rewrite);
    }
    return rewrite;
  }

  /** Forgets one table's shape, which may have changed under us. */
  forgetTarget(tableName: string): void {
    this.#targets.delete(tableName);
    this.#staleSources.add(tableName);
    this.#rewrites.delete(tableName);
  }
}
