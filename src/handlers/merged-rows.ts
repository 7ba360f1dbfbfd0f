import type { RowChange, RowSection } from '../apply/row-change.js';
import { columnSql, equalColumnSql, rowsSql, valueSql } from '../apply/row-statement.js';
import { TableChanges } from '../apply/table-changes.js';
import { type TargetColumns, type TargetKey, writerOf } from '../apply/table-writer.js';
import { onlyNameSql, type TargetColumn, type TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';
import { quoteIdentifier } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { parseRowEventType } from '../queue/decode/row-event-type.js';
import type { QueueEvent } from '../queue/event.js';
import type { TakenEvents } from './contract.js';

/** How two versions of a row are told apart, and rows from each other. */
export interface MergeRule {
  readonly timeField: string;
  /** Undefined: the key that the events name. */
  readonly altKey: readonly string[] | undefined;
  readonly ignoresTruncate: boolean;
}

/**
 * Writes rows of which there may be a newer version here. Inserts and updates mean the same: the row is as it says, unless
 * it is newer here. Many rows are one statement, as long as no key is both written and deleted.
 */
export class MergedRows implements TakenEvents {
  readonly #tx: Connection;
  readonly #target: TargetTable;
  readonly #rule: MergeRule;
  readonly #time: TargetColumn;

  constructor(tx: Connection, target: TargetTable, rule: MergeRule) {
    this.#tx = tx;
    this.#target = target;
    this.#rule = rule;
    this.#time = target.columns.find(({ name }) => name === rule.timeField) as TargetColumn;
  }

  async write(events: readonly QueueEvent[]): Promise<void> {
    const changes = new TableChanges(writerOf(this.#target));
    for (const event of events) {
      const type = parseRowEventType(event.type);
      if (type === undefined) {
        throw new ReplicateError('PC404', `Event ${event.id} is not a row event.`, { eventId: event.id });
      }
      if (type.operation !== 'truncate' || !this.#rule.ignoresTruncate) changes.add(event, type);
    }
    if (changes.unreadable !== undefined) throw this.#misfit(changes.unreadable.reason);
    if (changes.truncate !== undefined) await this.#tx.execute(`delete from ${onlyNameSql(this.#target)}`);
    for (const section of changes.sections) {
      if (section.kind === 'sql') throw this.#misfit('Events of pgq.sqltriga do not go with this handler.');
      await this.#writeSection(changes, section);
    }
  }

  finish(): Promise<void> {
    return Promise.resolve();
  }

  async #writeSection({ writer }: TableChanges, section: RowSection): Promise<void> {
    const columns = writer.columns(section.columns ?? { names: new Set() });
    if (columns.unknown.length > 0) {
      throw this.#misfit(`The table on the subscriber does not have: ${columns.unknown.join(', ')}.`);
    }
    const eventKey = writer.key(section.keyColumns);
    const key = this.#rule.altKey === undefined ? eventKey : writer.key(this.#rule.altKey);
    if (eventKey === null || eventKey.columns.length === 0 || key?.isUnique !== true) {
      throw this.#misfit('Rows can only be merged by a key with a unique index on the subscriber.');
    }
    for (const run of this.#runs(section.changes, eventKey)) {
      const isDelete = run[0]?.operation === 'delete';
      const sql = isDelete ? this.#deleteSql(eventKey) : this.#putSql(columns, key);
      const rows = run.map((change) =>
        isDelete ? this.#deletedRow(writer.reader.read(change.row), change) : change.row,
      );
      await this.#tx.execute(sql, [`[${rows.join(',')}]`]);
    }
  }

  /**
   * Writes and deletes of different keys may be done in any order, so each kind goes together until a key is in both.
   */
  #runs(changes: readonly RowChange[], key: TargetKey): RowChange[][] {
    const runs: RowChange[][] = [];
    let puts: RowChange[] = [];
    let deletes: RowChange[] = [];
    let putKeys = new Set<string>();
    let deleteKeys = new Set<string>();
    const isExact = key.hasExactText && this.#rule.altKey === undefined;
    const flush = () => {
      runs.push(...[deletes, puts].filter(({ length }) => length > 0));
      [puts, deletes, putKeys, deleteKeys] = [[], [], new Set(), new Set()];
    };
    for (const change of changes) {
      const isDelete = change.operation === 'delete';
      const others = isDelete ? putKeys : deleteKeys;
      if (isExact ? others.has(change.key) : others.size > 0) flush();
      (isDelete ? deletes : puts).push(change);
      (isDelete ? deleteKeys : putKeys).add(change.key);
    }
    flush();
    return runs;
  }

  /** The key, and the time: the row's own where the event has it, else that of the transaction that deleted it. */
  #deletedRow({ names }: { readonly names: readonly string[] }, { row, event }: RowChange): string {
    const { name, typeSql } = this.#time;
    if (names.includes(name) || event.time === undefined || typeSql !== MOMENT) return row;
    return `${row.trimEnd().slice(0, -1)},${JSON.stringify(name)}:${JSON.stringify(event.time)}}`;
  }

  #putSql({ written }: TargetColumns, key: TargetKey): string {
    const { nameSql, uniqueKeys } = this.#target;
    const time = this.#time;
    if (!written.includes(time)) throw this.#misfit(`The events have no column ${time.name}.`);
    const keyNames = key.columns.map(({ name }) => name);
    const unique = uniqueKeys.find((names) => names.every((name) => keyNames.includes(name))) ?? keyNames;
    const timeName = quoteIdentifier(time.name);
    const names = written.map(({ name }) => quoteIdentifier(name));
    const set = written
      .filter(({ identity }) => identity !== 'always')
      .map(({ name }) => `${quoteIdentifier(name)} = excluded.${quoteIdentifier(name)}`);
    // Of several versions of a row the newest counts, of those that are of one time the last.
    const newest =
      `select distinct on (${unique.map((name) => `x.${quoteIdentifier(name)}`).join(', ')}) x.* ` +
      `from (select x.*, pg_catalog.row_number() over () as "#" from ${rowsSql('$1', 'x', written)}) as x ` +
      `order by ${unique.map((name) => `x.${quoteIdentifier(name)}`).join(', ')}, x.${timeName} desc nulls last, x."#" desc`;
    return (
      `insert into ${nameSql} as t (${names.join(', ')}) overriding system value ` +
      `select ${written.map((column) => valueSql('x', column)).join(', ')} from (${newest}) as x ` +
      `on conflict (${unique.map(quoteIdentifier).join(', ')}) do update set ${set.join(', ')} ` +
      `where t.${timeName} is null or excluded.${timeName} >= t.${timeName}`
    );
  }

  #deleteSql({ columns }: TargetKey): string {
    const time = this.#time;
    const needed = columns.includes(time) ? columns : [...columns, time];
    const here = columnSql('t', time);
    const deleted = valueSql('x', time);
    return (
      `delete from ${onlyNameSql(this.#target)} as t using ${rowsSql('$1', 'x', needed)} ` +
      `where ${columns.map((column) => equalColumnSql(column)).join(' and ')} ` +
      `and (${deleted} is null or ${here} is null or ${here} <= ${deleted})`
    );
  }

  #misfit(reason: string): ReplicateError {
    return new ReplicateError('PC403', reason, { table: this.#target.queueTable });
  }
}

const MOMENT = '"pg_catalog"."timestamptz"';
