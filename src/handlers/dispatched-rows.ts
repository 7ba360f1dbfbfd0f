import { applyBlock } from '../apply/apply-block.js';
import type { KeyOperation } from '../apply/net-effect.js';
import type { RowChange } from '../apply/row-change.js';
import type { RowRewrite } from '../apply/row-rewrite.js';
import { TableChanges } from '../apply/table-changes.js';
import { writerOf } from '../apply/table-writer.js';
import type { TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { parseRowEventType } from '../queue/decode/row-event-type.js';
import { urlencodedToJson } from '../queue/decode/urlencoded.js';
import type { QueueEvent } from '../queue/event.js';
import type { TakenEvents } from './contract.js';
import type { DispatchSettings } from './dispatch-settings.js';
import { fieldHere, isAllFields } from './field-map.js';
import { findRows } from './find-rows.js';
import { type PartTime, readPartTime } from './partition-period.js';
import type { Partitions } from './partitions.js';

export interface DispatchPorts {
  readonly tx: Connection;
  readonly parent: TargetTable;
  readonly settings: DispatchSettings;
  readonly partitions: Partitions;
  /** When the batch ended on the provider, and when it is written here, as PostgreSQL's texts. */
  readonly batchTime: string;
  readonly currentTime: string;
}

/** A change with the table that it goes to. */
interface RoutedChange {
  readonly table: string;
  readonly operation: KeyOperation;
  readonly change: RowChange;
  readonly keyColumns: readonly string[];
}

/** A change with the columns that it is known by. */
interface KeyedChange {
  readonly change: RowChange;
  readonly keyColumns: readonly string[];
}

/** Rows that may be here or not: an update means that the row is as it says, a delete that it is not there. */
const AS_IT_SAYS: RowRewrite = {
  isPartial: true,
  ignoresTruncate: false,
  changesRows: true,
  rewrite: (_, rows) => Promise.resolve(rows.map(({ row }) => ({ row, isHere: true }))),
};

/**
 * Writes the events of a table into its partitions: it decides for each change which one it goes to, and leaves the
 * writing to apply.
 */
export class DispatchedRows implements TakenEvents {
  readonly #ports: DispatchPorts;
  readonly #isUtc: boolean;

  constructor(ports: DispatchPorts) {
    this.#ports = ports;
    const { partField } = ports.settings;
    const column = ports.parent.columns.find(({ name }) => name === partField);
    this.#isUtc = partField === undefined || column?.typeSql === '"pg_catalog"."timestamptz"';
  }

  async write(events: readonly QueueEvent[]): Promise<void> {
    const { parent, settings, tx } = this.#ports;
    const changes = new TableChanges(writerOf(parent));
    for (const event of events) this.#add(changes, event);
    if (changes.unreadable !== undefined)
      throw this.#misfit(changes.unreadable.event, changes.unreadable.reason);
    // All partitions with it.
    if (changes.truncate !== undefined) await tx.execute(`truncate ${quoteName(parent.destTable)}`);
    const wanted = changes.sections.flatMap((section): KeyedChange[] => {
      if (section.kind === 'sql')
        throw this.#misfit(section.changes[0]?.event, 'Events of pgq.sqltriga do not go with this handler.');
      return section.changes.map((change) => ({ change, keyColumns: section.keyColumns }));
    });
    if (settings.rowMode !== 'plain') return this.#apply(await this.#routeVersions(wanted));
    for (const run of this.#runs(wanted)) await this.#apply(await this.#routeRows(run));
  }

  async finish(): Promise<void> {
    await this.#ports.partitions.dropObsolete();
  }

  /** Changes whose keys can be told apart by their texts: others go one by one, each after the one before is written. */
  #runs(changes: readonly KeyedChange[]): KeyedChange[][] {
    const { parent, settings } = this.#ports;
    const isDirect = settings.tableMode === 'direct';
    const runs: KeyedChange[][] = [];
    let key: string | undefined;
    for (const change of changes) {
      const names = JSON.stringify(change.keyColumns);
      const isExact = isDirect || writerOf(parent).key(change.keyColumns)?.hasExactText !== false;
      if (isExact && names === key) runs.at(-1)?.push(change);
      else runs.push([change]);
      key = isExact ? names : undefined;
    }
    return runs;
  }

  /** Adds an event with its columns as they are here. */
  #add(changes: TableChanges, event: QueueEvent): void {
    const { settings } = this.#ports;
    const type = parseRowEventType(event.type);
    if (type === undefined) {
      throw new ReplicateError('PC404', `Event ${event.id} is not a row event.`, { eventId: event.id });
    }
    const { operation, format, keyColumns } = type;
    if (operation === 'truncate') {
      if (!settings.ignoresTruncate) changes.add(event, type);
      return;
    }
    if (!settings.operations.has(operation)) return;
    if (isAllFields(settings.fields) || format === 'sql' || event.data === null) {
      changes.add(event, type);
      return;
    }
    const toHere = (text: string) => this.#rename(changes, format === 'json' ? text : urlencodedToJson(text));
    const key = keyColumns.map((name) => fieldHere(settings.fields, name));
    if (key.includes(undefined))
      throw this.#misfit(event, 'The fields that are here lack a column of the key.');
    const oldRow = key.length === 0 && operation === 'update' ? toHere(event.extra2 ?? '{}') : null;
    changes.addChange(
      event,
      operation,
      toHere(event.data),
      key.filter((name) => name !== undefined),
      oldRow,
    );
  }

  #rename({ writer: { reader } }: TableChanges, row: string): string {
    const { names } = reader.read(row);
    const fields = names.flatMap((name, place) => {
      const here = fieldHere(this.#ports.settings.fields, name);
      return here === undefined ? [] : [`${JSON.stringify(here)}:${reader.valueText(place)}`];
    });
    return `{${fields.join(',')}}`;
  }

  /** As Londiste: each period has the versions of the rows that were written in it. */
  async #routeVersions(changes: readonly KeyedChange[]): Promise<RoutedChange[]> {
    const { settings, parent } = this.#ports;
    const routed: RoutedChange[] = [];
    for (const { change, keyColumns } of changes) {
      if (settings.rowMode === 'keep_all') {
        if (change.operation === 'delete') continue;
        const table = await this.#tableOf(change, change.row);
        if (table !== undefined) routed.push({ table, operation: 'insert', change, keyColumns });
        continue;
      }
      if (keyColumns.length === 0) throw this.#misfit(change.event, 'row_mode=keep_latest needs a key.');
      const isDelete = change.operation === 'delete';
      if (isDelete && !this.#tellsTime(change.row)) {
        const found = await findRows(this.#ports.tx, parent, keyColumns, [change.row]);
        routed.push(
          ...(found[0] ?? []).map((table) => ({ table, operation: 'delete' as const, change, keyColumns })),
        );
        continue;
      }
      const table = await this.#tableOf(change, change.row);
      if (table !== undefined)
        routed.push({ table, operation: isDelete ? 'delete' : 'update', change, keyColumns });
    }
    return routed;
  }

  /**
   * The partitions together are the table of the provider. A row is looked for where it is, and moves only when its own
   * field says that it belongs elsewhere.
   */
  async #routeRows(changes: readonly KeyedChange[]): Promise<RoutedChange[]> {
    const { settings } = this.#ports;
    const places = await this.#placesOf(changes);
    const routed: RoutedChange[] = [];
    for (const keyed of changes) {
      const { change, keyColumns } = keyed;
      const { operation, key, row, oldRow } = change;
      if (operation === 'insert') {
        const table = await this.#tableOf(change, row);
        places.set(key, table);
        if (table !== undefined) routed.push({ table, operation, change, keyColumns });
        continue;
      }
      const here = keyColumns.length > 0 ? places.get(key) : await this.#tableOfOld(change);
      if (here === undefined) {
        // With a time to keep them, rows go without the provider knowing.
        if (settings.retention !== undefined || settings.operations.size < 3) continue;
        // Apply finds that it is not there, and says so.
        const table = this.#tellsTime(row) ? await this.#tableOf(change, row) : undefined;
        routed.push({ table: table ?? this.#ports.parent.destTable, operation, change, keyColumns });
        continue;
      }
      const next =
        operation === 'delete'
          ? undefined
          : settings.partField === undefined
            ? here
            : await this.#tableOf(change, row);
      places.set(key, next);
      if (operation === 'delete' || next === here) {
        routed.push({ table: here, operation, change, keyColumns });
        continue;
      }
      const old = { ...change, row: oldRow ?? row };
      routed.push({ table: here, operation: 'delete', change: old, keyColumns });
      if (next !== undefined) routed.push({ table: next, operation: 'insert', change, keyColumns });
    }
    return routed;
  }

  /** Where the rows of these changes are, by their keys; a change that tells its row's time need not be looked for. */
  async #placesOf(changes: readonly KeyedChange[]): Promise<Map<string, string | undefined>> {
    const { tx, parent, settings } = this.#ports;
    const places = new Map<string, string | undefined>();
    const unknown = new Map<string, KeyedChange>();
    for (const keyed of changes) {
      const { change, keyColumns } = keyed;
      if (change.operation === 'insert' || keyColumns.length === 0 || unknown.has(change.key)) continue;
      if (settings.tableMode === 'direct') places.set(change.key, parent.destTable);
      else unknown.set(change.key, keyed);
    }
    const keyColumns = [...unknown.values()][0]?.keyColumns;
    if (keyColumns === undefined) return places;
    const found = await findRows(
      tx,
      parent,
      keyColumns,
      [...unknown.values()].map(({ change }) => change.row),
    );
    for (const [i, key] of [...unknown.keys()].entries()) places.set(key, found[i]?.[0]);
    return places;
  }

  /** The table of a row that is known by its content. */
  async #tableOfOld(change: RowChange): Promise<string | undefined> {
    const { settings } = this.#ports;
    if (settings.tableMode === 'part' && settings.partField === undefined) {
      throw this.#misfit(
        change.event,
        'A row without a key is found in its partition only by part_mode=date_field.',
      );
    }
    return this.#tableOf(change, change.oldRow ?? change.row);
  }

  /** The table that a row belongs to, made when it is not there; undefined when it is of a time that is not kept. */
  async #tableOf({ event }: RowChange, row: string): Promise<string | undefined> {
    const { settings, parent, partitions } = this.#ports;
    if (settings.tableMode === 'direct') return parent.destTable;
    const time = this.#timeOf(event, row);
    if (time === undefined) {
      throw this.#misfit(
        event,
        `The row has no time in ${settings.partField ?? 'its event'} that a partition could be of.`,
      );
    }
    const name = partitions.nameOf(time);
    const { isObsolete } = await partitions.open(name, time);
    return isObsolete && settings.ignoresOldEvents ? undefined : name;
  }

  #timeOf(event: QueueEvent, row: string): PartTime | undefined {
    const { settings, batchTime, currentTime } = this.#ports;
    switch (settings.partMode) {
      case 'batch_time':
        return readPartTime(batchTime, true);
      case 'current_time':
        return readPartTime(currentTime, true);
      case 'event_time':
        return readPartTime(event.time ?? '', true);
      case 'date_field': {
        const value = this.#fieldText(row);
        return value === undefined ? undefined : readPartTime(value, this.#isUtc);
      }
    }
  }

  #tellsTime(row: string): boolean {
    return (
      this.#ports.settings.partField === undefined ||
      this.#ports.settings.tableMode === 'direct' ||
      this.#fieldText(row) !== undefined
    );
  }

  /** The text of the field that partitions are made by; undefined when it is null or not in the row. */
  #fieldText(row: string): string | undefined {
    const { parent, settings } = this.#ports;
    const { reader } = writerOf(parent);
    const place = reader.read(row).names.indexOf(settings.partField ?? '');
    if (place < 0) return undefined;
    const value = JSON.parse(reader.valueText(place)) as unknown;
    return typeof value === 'string' ? value : undefined;
  }

  async #apply(routed: readonly RoutedChange[]): Promise<void> {
    if (routed.length === 0) return;
    const { tx, partitions, settings } = this.#ports;
    const targets = new Map<string, TargetTable>();
    for (const { table } of routed) {
      if (!targets.has(table))
        targets.set(table, { ...(await partitions.existing(table)), queueTable: table });
    }
    const rewrite = settings.rowMode === 'keep_latest' ? AS_IT_SAYS : undefined;
    const { conflicts } = await applyBlock(
      { tx, tableOf: (name) => targets.get(name), rewriteOf: () => rewrite },
      routed.map(toEvent),
    );
    const [first] = conflicts;
    if (first === undefined) return;
    throw new ReplicateError(first.code, `${first.message} (${first.queueTable})`, {
      eventId: first.eventId,
    });
  }

  #misfit(event: QueueEvent | undefined, reason: string): ReplicateError {
    return new ReplicateError('PC403', reason, { table: this.#ports.parent.queueTable, eventId: event?.id });
  }
}

const WORDS: Readonly<Record<KeyOperation, string>> = {
  insert: 'INSERT',
  update: 'UPDATE',
  delete: 'DELETE',
};

/** The change as an event of the table that it goes to. */
function toEvent({ table, operation, change, keyColumns }: RoutedChange): QueueEvent {
  const { event, row, oldRow } = change;
  return {
    ...event,
    type: JSON.stringify({ op: WORDS[operation], pkey: keyColumns }),
    data: row,
    extra1: table,
    extra2: operation === 'update' ? oldRow : null,
  };
}
