import { loadTargetTable } from '../apply/load-target-table.js';
import type { TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteLiteral, quoteName } from '../db/identifier.js';
import { sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import {
  conditionSql,
  isPartial,
  isWholeTable,
  kindOfType,
  type RowSelection,
  selectedSql,
  type ValueKind,
} from './row-selection.js';
import { SelectedRows } from './selected-rows.js';
import { useSettings } from './selection-settings.js';
import { readSourceColumns, type SourceColumn } from './source-columns.js';

export interface SelectionToCheck {
  readonly queueName: string;
  /** Name in the queue. */
  readonly tableName: string;
  /** Names in the two databases. */
  readonly sourceTable: string;
  readonly destTable: string;
  readonly selection: RowSelection;
}

/**
 * Whether a selection can be copied from the provider and applied here, before anybody relies on it: names, the key
 * and the SQL itself, on both servers. Changes nothing. Throws PC410.
 */
export async function checkSelection(
  provider: Connection,
  local: Connection,
  table: SelectionToCheck,
): Promise<void> {
  const { selection, tableName, queueName } = table;
  if (isWholeTable(selection)) return;
  const source = (await readSourceColumns(provider, queueName, [tableName])).get(tableName) ?? [];
  checkNames(table, source);
  await checkKey(provider, table);
  const columns = source.map(({ name, type }) => ({ name, kind: kindOfType(type) }));
  await explainFailure(table, provider, async () => {
    await useSettings(provider, selection);
    // Partitions are read too where there are any: this only asks whether the SQL is right.
    await provider.query(
      `${selectedSql(selection, columns, { name: table.sourceTable, isPartitioned: true })} limit 0`,
    );
  });
  await explainFailure(table, local, async () => {
    const target = await loadTargetTable(local, tableName, table.destTable);
    await checkValues(local, table, columns, target);
    await new SelectedRows(selection, source, target).check(local);
  });
}

function checkNames({ selection, tableName }: SelectionToCheck, source: readonly SourceColumn[]): void {
  const known = new Set(source.map(({ name }) => name));
  const named = [...(selection.columns ?? []), ...selection.values.keys(), ...selection.textColumns];
  const unknown = [...new Set(named.filter((name) => !known.has(name)))];
  if (unknown.length === 0) {
    checkTexts(source.filter(({ name }) => selection.textColumns.includes(name)));
    return;
  }
  throw new ReplicateError(
    'PC410',
    `Table ${tableName} of the provider sends no column ${unknown.join(', ')}. It has: ${[...known].join(', ')}.`,
    { table: tableName },
  );
}

/** Types whose text depends on the version or the locale of the server. */
const UNSTEADY_TYPES = /^(?:real|double precision|money|point|line|lseg|box|path|polygon|circle)(?:\[\])?$/;

function checkTexts(columns: readonly SourceColumn[]): void {
  const unsteady = columns.find(({ type }) => UNSTEADY_TYPES.test(type));
  if (unsteady === undefined) return;
  throw new ReplicateError(
    'PC410',
    `Column ${unsteady.name} cannot be hashed: the text of a value of type ${unsteady.type} is not the same everywhere.`,
  );
}

/** Without its key no row can be found again. */
async function checkKey(
  provider: Connection,
  { selection, tableName, sourceTable }: SelectionToCheck,
): Promise<void> {
  const key = await readKey(provider, sourceTable);
  const missing = key.filter((name) => selection.columns?.includes(name) === false);
  if (missing.length === 0) return;
  throw new ReplicateError(
    'PC410',
    `The columns of ${tableName} must have its key: ${missing.join(', ')} is missing.`,
    {
      table: tableName,
    },
  );
}

/** The columns by which events name a row; a node of the original takes the primary key. */
async function readKey(provider: Connection, sourceTable: string): Promise<readonly string[]> {
  const { ours } = await provider.one<{ ours: boolean }>(
    "select to_regprocedure('pgcascade.table_key(oid)') is not null as ours",
  );
  const { columns } = await provider.one<{ columns: readonly string[] | null }>(
    ours
      ? 'select (pgcascade.table_key(to_regclass($1)::oid)).key_columns as columns'
      : `select array(select a.attname::text
                        from pg_index as i
                        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = any (i.indkey)
                       where i.indrelid = to_regclass($1) and i.indisprimary) as columns`,
    [quoteName(sourceTable)],
  );
  return columns ?? [];
}

const SAMPLES: Readonly<Record<ValueKind, string>> = {
  integer: '-9223372036854775807',
  uuid: 'ffffffff-ffff-ffff-ffff-ffffffffffff',
  text: 'ffffffffffffffffffffffffffffffff',
};

/** Whether the columns here can hold the values that are made for them. */
async function checkValues(
  local: Connection,
  { selection, tableName }: SelectionToCheck,
  columns: readonly { readonly name: string; readonly kind: ValueKind }[],
  target: TargetTable,
): Promise<void> {
  for (const { name, kind } of columns) {
    const value = selection.values.get(name)?.(quoteIdentifier(name), kind);
    const here = target.columns.find((column) => column.name === name);
    if (value === undefined || here === undefined || value.isAlwaysNull === true) continue;
    const sample = quoteLiteral(SAMPLES[value.kind]);
    const isHeld = await local
      .one<{ held: boolean }>(`select ${sample}::${here.storedTypeSql}::text = ${sample} as held`)
      .then(({ held }) => held)
      .catch((error: unknown) => {
        if (sqlstateOf(error)?.startsWith('22') === true) return false;
        throw error;
      });
    if (isHeld) continue;
    throw new ReplicateError(
      'PC410',
      `Column ${name} of ${tableName} here is of type ${here.storedTypeSql}, which cannot hold what is made for it, such as ${SAMPLES[value.kind]}.`,
      { table: tableName },
    );
  }
}

async function explainFailure(
  { selection, tableName }: SelectionToCheck,
  { target }: Connection,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    const state = sqlstateOf(error);
    if (state === undefined || !['22', '42'].includes(state.slice(0, 2)) || state === '42501') throw error;
    const what = isPartial(selection) ? ` (${conditionSql(selection).replaceAll('\n', '')})` : '';
    throw new ReplicateError(
      'PC410',
      `The handler of ${tableName}${what} does not work at ${target}: ${(error as Error).message}.`,
      { table: tableName },
      { cause: error },
    );
  }
}
