import { ReplicateError } from '../errors/replicate-error.js';
import { partialSqlStatement } from '../queue/decode/partial-sql.js';
import type { RowEventType } from '../queue/decode/row-event-type.js';
import { urlencodedToJson } from '../queue/decode/urlencoded.js';
import type { QueueEvent } from '../queue/event.js';
import type { KeyOperation } from './net-effect.js';
import type { RowSection, Section } from './row-change.js';
import type { TableWriter } from './table-writer.js';
import { onlyNameSql } from './target-table.js';

/**
 * The changes of one table in one block, in their order.
 *
 * A TRUNCATE drops all that came before it: those rows would be written only to go again.
 */
export class TableChanges {
  readonly writer: TableWriter;
  /** Not every row of the source is here: an update means that the row is as it says, a delete that it is not there. */
  readonly isPartial: boolean;
  readonly sections: Section[] = [];
  /** The last TRUNCATE of the block; the sections come after it. */
  truncate: QueueEvent | undefined;
  /** All events of the table in the block, those before a TRUNCATE too. */
  eventCount = 0;
  /** The first event that cannot be written because of what is missing in it. */
  unreadable: { readonly event: QueueEvent; readonly reason: string } | undefined;

  constructor(writer: TableWriter, isPartial = false) {
    this.writer = writer;
    this.isPartial = isPartial;
  }

  /** The same table and TRUNCATE, with no changes yet. */
  emptyCopy(isPartial: boolean): TableChanges {
    const copy = new TableChanges(this.writer, isPartial);
    copy.truncate = this.truncate;
    copy.eventCount = this.eventCount;
    copy.unreadable = this.unreadable;
    return copy;
  }

  /** Counts an event that is not to do anything. */
  pass(): void {
    this.eventCount++;
  }

  /** Adds an event. Throws PC404 for data that is not what a trigger of PgQ or ours writes. */
  add(event: QueueEvent, type: RowEventType): void {
    this.eventCount++;
    if (type.operation === 'truncate') {
      this.truncate = event;
      this.sections.length = 0;
      this.unreadable = undefined;
      return;
    }
    if (event.data === null) throw malformed(event, 'no data');
    if (type.format === 'sql') {
      this.#addSql(event, type.operation, event.data);
    } else {
      const isJson = type.format === 'json';
      const row = isJson ? event.data : urlencodedToJson(event.data);
      const oldRow = oldRowOf(event, type.operation, isJson, type.keyColumns.length > 0);
      this.addChange(event, type.operation, row, type.keyColumns, oldRow);
    }
  }

  #addSql(event: QueueEvent, operation: KeyOperation, data: string): void {
    const { table } = this.writer;
    const names = { name: table.nameSql, onlyName: onlyNameSql(table) };
    const change = { event, operation, key: null, statement: partialSqlStatement(operation, names, data) };
    const last = this.sections.at(-1);
    if (last?.kind === 'sql') last.changes.push(change);
    else this.sections.push({ kind: 'sql', changes: [change] });
  }

  /** Adds a change whose rows are JSON objects. */
  addChange(
    event: QueueEvent,
    operation: KeyOperation,
    row: string,
    keyColumns: readonly string[],
    oldRow: string | null,
  ): void {
    const { reader } = this.writer;
    const hasKey = keyColumns.length > 0;
    // A delete by key needs the key only, whatever else is in the event.
    const isKeyEnough = operation === 'delete' && hasKey;
    const oldColumns = oldRow === null ? undefined : reader.read(oldRow).columns;
    const located = isKeyEnough ? undefined : reader.locate(row);
    const columns = located?.layout.columns;
    let key: string | undefined = '';
    if (hasKey) key = isKeyEnough ? reader.readKey(row, keyColumns) : reader.key(keyColumns);
    if (key === undefined || (oldColumns !== undefined && oldColumns !== columns)) {
      this.unreadable ??= {
        event,
        reason: 'The event lacks a key column, or its old and new row have different columns.',
      };
      return;
    }
    this.#section(keyColumns, columns).changes.push({ event, operation, key, row, oldRow, located });
  }

  /** The last section if the change fits in, else a new one. */
  #section(keyColumns: readonly string[], columns: RowSection['columns']): RowSection {
    const last = this.sections.at(-1);
    if (last?.kind === 'rows' && sameNames(last.keyColumns, keyColumns)) {
      if (columns === undefined || last.columns === columns) return last;
      if (last.columns === undefined) {
        last.columns = columns;
        return last;
      }
    }
    const section: RowSection = { kind: 'rows', keyColumns, columns, changes: [] };
    this.sections.push(section);
    return section;
  }
}

function oldRowOf(
  event: QueueEvent,
  operation: KeyOperation,
  isJson: boolean,
  hasKey: boolean,
): string | null {
  if (hasKey || operation !== 'update') return null;
  if (event.extra2 === null) throw malformed(event, 'neither key nor old row');
  return isJson ? event.extra2 : urlencodedToJson(event.extra2);
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((name, i) => name === b[i]));
}

function malformed(event: QueueEvent, lack: string): ReplicateError {
  return new ReplicateError('PC404', `Event ${event.id} has ${lack}.`, {
    eventId: event.id,
    table: event.extra1,
  });
}
