import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteName } from '../db/identifier.js';
import {
  conditionSql,
  isPartial,
  kindOfType,
  type RowSelection,
  selectedSql,
} from '../handlers/row-selection.js';
import { useSettings } from '../handlers/selection-settings.js';
import { readSourceColumns } from '../handlers/source-columns.js';
import { columnList } from './copy-columns.js';
import { type CopyFormat, formatSql } from './copy-format.js';

/** What is read of a provider's table. */
export interface CopyOutOptions {
  /** Name on the provider. */
  readonly sourceTable: string;
  readonly relkind: 'r' | 'p';
  readonly queueName: string;
  /** Name in the queue. */
  readonly tableName: string;
  readonly selection: RowSelection;
  /** Names on the provider. */
  readonly columns: readonly string[];
  readonly format: CopyFormat;
  /** Only these rows; a condition over the table's columns. */
  readonly where?: string | undefined;
}

/** The `copy … to stdout` of a table; sets in the session what the table's handler needs. */
export async function copyOut(reader: Connection, options: CopyOutOptions): Promise<string> {
  const { sourceTable, relkind, queueName, tableName, selection, columns, format, where } = options;
  const end = `to stdout${formatSql(format)}`;
  // COPY of a table reads the table alone; the rows of a partitioned one are in its partitions.
  if (relkind === 'r' && !isPartial(selection) && selection.values.size === 0) {
    if (where === undefined) return `copy ${quoteName(sourceTable)} ${columnList(columns)} ${end}`;
    const list = columns.map(quoteIdentifier).join(', ');
    return `copy (select ${list} from only ${quoteName(sourceTable)} where ${where}) ${end}`;
  }
  await useSettings(reader, selection);
  const kinds = new Map(
    (await readSourceColumns(reader, queueName, [tableName]))
      .get(tableName)
      ?.map(({ name, type }) => [name, kindOfType(type)]),
  );
  const selected = columns.map((name) => ({ name, kind: kinds.get(name) ?? 'text' }));
  const sql = selectedSql(selection, selected, { name: sourceTable, isPartitioned: relkind === 'p' });
  if (where === undefined) return `copy (${sql}) ${end}`;
  return `copy (${sql}${isPartial(selection) ? ' and ' : ' where '}${where}) ${end}`;
}

/** How many rows of a plain table a copy of all of it would read now. */
export async function countOut(
  reader: Connection,
  { sourceTable, selection }: Pick<CopyOutOptions, 'sourceTable' | 'selection'>,
): Promise<bigint> {
  await useSettings(reader, selection);
  const condition = isPartial(selection) ? ` where ${conditionSql(selection)}` : '';
  const { rows } = await reader.one<{ rows: bigint }>(
    `select count(*) as rows from only ${quoteName(sourceTable)}${condition}`,
  );
  return rows;
}
