import { loadTargetTable } from '../apply/load-target-table.js';
import type { TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { DispatchSettings } from './dispatch-settings.js';
import { type PartTime, periodStart } from './partition-period.js';
import { fillTemplate } from './text-template.js';

/** What is kept of a table's partitions from one batch to the next. */
export class KnownTables {
  readonly #tables = new Map<string, TargetTable>();

  /** The table as it was, or read anew when it is another one. */
  async load(tx: Connection, queueTable: string, name: string): Promise<TargetTable> {
    const known = this.#tables.get(name);
    if (known !== undefined && known.oid === (await findTable(tx, name))) return known;
    const table = await loadTargetTable(tx, queueTable, name);
    this.#tables.set(name, table);
    return table;
  }

  clear(): void {
    this.#tables.clear();
  }
}

async function findTable(tx: Connection, name: string): Promise<bigint | null> {
  const { oid } = await tx.one<{ oid: bigint | null }>('select to_regclass($1)::oid::int8 as oid', [
    quoteName(name),
  ]);
  return oid;
}

/** One partition in the hands of one transaction. */
export interface Partition {
  readonly table: TargetTable;
  /** Its time is longer ago than partitions are kept. */
  readonly isObsolete: boolean;
}

const MAX_NAME_BYTES = 63;

/** The partitions of one table in one transaction: they are made when a row needs them. */
export class Partitions {
  readonly #tx: Connection;
  readonly #parent: TargetTable;
  readonly #settings: DispatchSettings;
  readonly #known: KnownTables;
  readonly #names = new Map<string, string>();
  readonly #open = new Map<string, Partition>();
  #hasMade = false;

  constructor(tx: Connection, parent: TargetTable, settings: DispatchSettings, known: KnownTables) {
    this.#tx = tx;
    this.#parent = parent;
    this.#settings = settings;
    this.#known = known;
  }

  /** The name of the partition that a time belongs to. Pure but for what is kept. Throws PC410 when it is too long. */
  nameOf(time: PartTime): string {
    const { period, partName } = this.#settings;
    const start = periodStart(time, period);
    let name = this.#names.get(start);
    if (name === undefined) {
      name = fillTemplate(partName, { parent: this.#parent.destTable, ...time });
      if (!name.includes('.')) name = `public.${name}`;
      if (Buffer.byteLength(name.slice(name.indexOf('.') + 1)) > MAX_NAME_BYTES) {
        throw new ReplicateError('PC410', `${name} is too long for the name of a partition.`);
      }
      this.#names.set(start, name);
    }
    return name;
  }

  /** A partition by its name; when it is not there, it is made for this time. */
  async open(name: string, time: PartTime): Promise<Partition> {
    let partition = this.#open.get(name);
    if (partition === undefined) {
      const isObsolete = await this.#isObsolete(name);
      if (!(isObsolete && this.#settings.ignoresOldEvents) && (await findTable(this.#tx, name)) === null) {
        await this.#make(name, time);
      }
      const table =
        isObsolete && this.#settings.ignoresOldEvents
          ? this.#parent
          : await this.#known.load(this.#tx, name, name);
      partition = { table, isObsolete };
      this.#open.set(name, partition);
    }
    return partition;
  }

  /** A table that is there. */
  async existing(name: string): Promise<TargetTable> {
    return this.#open.get(name)?.table ?? this.#known.load(this.#tx, name, name);
  }

  /** Drops what is older than it is kept, when a partition was made. To be called when all rows are written. */
  async dropObsolete(): Promise<void> {
    const { retention, period } = this.#settings;
    if (retention === undefined || !this.#hasMade) return;
    this.#hasMade = false;
    this.#open.clear();
    await this.#tx.query('select londiste.drop_obsolete_partitions($1, $2::interval, $3)', [
      this.#parent.destTable,
      retention,
      period,
    ]);
  }

  async #isObsolete(name: string): Promise<boolean> {
    const { retention, period } = this.#settings;
    if (retention === undefined) return false;
    const { obsolete } = await this.#tx.one<{ obsolete: boolean }>(
      'select londiste.is_obsolete_partition($1, $2::interval, $3) as obsolete',
      [name, retention, period],
    );
    return obsolete;
  }

  async #make(name: string, time: PartTime): Promise<void> {
    const { period, partTemplate, partFunction, partField, prePart, postPart } = this.#settings;
    const { destTable } = this.#parent;
    const start = periodStart(time, period);
    const key = await this.#primaryKey();
    const sql = (template: string) =>
      fillTemplate(template, {
        dest: quoteName(name),
        part: quoteName(name),
        parent: quoteName(destTable),
        pkey: key.map(quoteIdentifier).join(', '),
        schema_table: name.replaceAll('.', '__'),
        part_field: partField === undefined ? '' : quoteIdentifier(partField),
        part_time: start,
      });
    if (prePart !== undefined) await this.#tx.execute(sql(prePart));
    if (partTemplate !== undefined) {
      await this.#tx.execute(sql(partTemplate));
    } else {
      await this.#tx.query(`select ${quoteName(partFunction)}($1, $2, $3, $4, $5::timestamptz, $6)`, [
        destTable,
        name,
        key.length === 0 ? null : key.join(','),
        partField ?? null,
        start,
        period,
      ]);
    }
    if (postPart !== undefined) await this.#tx.execute(sql(postPart));
    // Triggers, rules and keys that it has got, where the session may not pass them by.
    await this.#tx.query('select pgcascade.take_part_off($1)', [name]);
    this.#hasMade = true;
  }

  async #primaryKey(): Promise<readonly string[]> {
    const rows = await this.#tx.query<{ name: string }>(
      `select a.attname::text as name
         from pg_index as i
        cross join lateral unnest(i.indkey::int2[]) with ordinality as k(attnum, place)
         join pg_attribute as a
           on a.attrelid = i.indrelid
          and a.attnum = k.attnum
        where i.indrelid = $1
          and i.indisprimary
        order by k.place`,
      [this.#parent.oid],
    );
    return rows.map(({ name }) => name);
  }
}
