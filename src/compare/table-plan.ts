import { quoteIdentifier } from '../db/identifier.js';
import { hasColumn, type RowSelection, WHOLE_TABLE } from '../handlers/row-selection.js';
import type { Interval } from './buckets.js';
import { canonicalValues, isInteger, type Sides } from './canonical-value.js';
import { type KeyBound, type KeyOrder, keyOrderOf } from './key-order.js';
import type { ColumnShape, TableShape } from './table-shape.js';
import { kindOfValue, typeOfKind } from './value-type.js';

/** What is read of one side of a table: SQL expressions over the alias `t`. */
export interface SidePlan {
  readonly shape: TableShape;
  /** What of the table is looked at: on the subscriber all, for there nothing else may be. */
  readonly selection: RowSelection;
  /** Conditions over `t` without which a row is not looked at. */
  readonly filters: readonly string[];
  /** Conditions for the keys of the part of the table that is looked at, where that is not all of it. */
  readonly keyFilters: readonly string[];
  /** Canonical values of the compared columns. */
  readonly values: readonly string[];
  /** The compared columns themselves. */
  readonly references: readonly string[];
  /** Canonical values of the key. */
  readonly keyValues: readonly string[];
  /** The key's columns themselves. */
  readonly keyReferences: readonly string[];
  /** The types of the key's columns, as SQL. */
  readonly keyTypes: readonly string[];
  /** How far the order of the key's first column follows the order on disk, -1 to 1. */
  readonly keyCorrelation: number;
  /** Undefined where the rows cannot be cut by their keys. */
  readonly keyOrder: KeyOrder | undefined;
  /** Keys at which the rows are cut into regions, in their order; empty: they are not. */
  readonly bounds: readonly KeyBound[];
}

/** A column that is compared, as the subscriber has it. */
export interface PlannedColumn {
  readonly name: string;
  /** The subscriber computes it: a repair cannot write it. */
  readonly isGenerated: boolean;
  readonly isIdentityAlways: boolean;
}

/** How a table is compared: the same on both sides, column for column. */
export interface TablePlan {
  readonly tableName: string;
  readonly sides: Sides<SidePlan>;
  /** The compared columns, in the order of the sides' values. */
  readonly columns: readonly PlannedColumn[];
  readonly keyColumns: readonly string[];
  /** The key is one integer column: chunks are ranges of it. Else chunks are ranges of a hash of the key or row. */
  readonly hasIntegerKey: boolean;
  /** Columns of the provider that the subscriber does not have. */
  readonly missingColumns: readonly string[];
  /** Columns of the provider that are not compared because no event has them. */
  readonly ignoredColumns: readonly string[];
  /** Only these keys of the table, where it is compared in several groups. */
  readonly range?: KeyRange | undefined;
}

/** Some of the keys of a table. */
export interface KeyRange {
  /** Of integer keys; undefined for other ones. */
  readonly interval: Interval | undefined;
  /** About what part of the rows have them, 0 to 1. */
  readonly part: number;
}

/**
 * Pairs the columns of both sides by name, in the provider's order.
 *
 * A column that both sides compute is not compared, for it holds nothing of its own. Columns that only the subscriber
 * has do not matter, nor do those that triggers leave out of events.
 */
export function planTable(
  tableName: string,
  shapes: Sides<TableShape>,
  selection: RowSelection = WHOLE_TABLE,
  ignored: ReadonlySet<string> = new Set(),
): TablePlan {
  const others = new Map(shapes.subscriber.columns.map((column) => [column.name, column]));
  const missingColumns: string[] = [];
  const ignoredColumns: string[] = [];
  const pairs: Sides<ColumnShape>[] = [];
  for (const column of selectedColumns(shapes.provider, selection)) {
    const other = others.get(column.name);
    if (ignored.has(column.name)) {
      ignoredColumns.push(column.name);
    } else if (other === undefined) {
      if (!column.isGenerated) missingColumns.push(column.name);
    } else if (!(column.isGenerated && other.isGenerated)) {
      pairs.push({ provider: column, subscriber: other });
    }
  }
  const keyPairs = findKey(shapes.provider.keyColumns, pairs);
  const keyOrder = keyOrderOf(keyPairs, selection);
  return {
    tableName,
    sides: {
      provider: { ...planSide(shapes.provider, selection, pairs, keyPairs, 'provider'), keyOrder },
      subscriber: { ...planSide(shapes.subscriber, WHOLE_TABLE, pairs, keyPairs, 'subscriber'), keyOrder },
    },
    columns: pairs.map(({ subscriber: { name, isGenerated, isIdentityAlways } }) => ({
      name,
      isGenerated,
      isIdentityAlways,
    })),
    keyColumns: keyPairs.map((pair) => pair.provider.name),
    hasIntegerKey:
      keyPairs.length === 1 &&
      // An index knows nothing of a value that is made from the key.
      !selection.values.has(keyPairs[0]?.provider.name ?? '') &&
      keyPairs.every((pair) => isInteger(pair.provider.type) && isInteger(pair.subscriber.type)),
    missingColumns,
    ignoredColumns,
  };
}

const TYPE_OF_KIND = { integer: 'bigint', uuid: 'uuid', text: 'text' } as const;

/** The provider's columns as the subscriber has them. */
function selectedColumns({ columns }: TableShape, selection: RowSelection): readonly ColumnShape[] {
  return columns
    .filter(({ name }) => hasColumn(selection, name))
    .map((column) => {
      const value = selection.values.get(column.name)?.('', kindOfValue(column.type));
      if (value === undefined) return column;
      const typeSql = TYPE_OF_KIND[value.kind];
      return { ...column, type: typeOfKind(value.kind), typeSql, isGenerated: false };
    });
}

/** The provider's key; without a column of it the rows cannot be told apart by it. */
function findKey(keyColumns: readonly string[], pairs: readonly Sides<ColumnShape>[]): Sides<ColumnShape>[] {
  const found = keyColumns.map((name) => pairs.find((pair) => pair.provider.name === name));
  return found.every((pair) => pair !== undefined) ? found : [];
}

function planSide(
  shape: TableShape,
  selection: RowSelection,
  pairs: readonly Sides<ColumnShape>[],
  keyPairs: readonly Sides<ColumnShape>[],
  side: keyof Sides<unknown>,
): Omit<SidePlan, 'keyOrder'> {
  return {
    shape,
    selection,
    filters: [],
    keyFilters: [],
    bounds: [],
    values: pairs.map((pair) => canonicalColumn(pair, side)),
    references: pairs.map((pair) => columnReference(pair.provider.name)),
    keyValues: keyPairs.map((pair) => canonicalColumn(pair, side)),
    keyReferences: keyPairs.map((pair) => columnReference(pair.provider.name)),
    keyTypes: keyPairs.map((pair) => pair[side].typeSql),
    keyCorrelation: keyPairs[0]?.[side].correlation ?? 0,
  };
}

function canonicalColumn(pair: Sides<ColumnShape>, side: keyof Sides<unknown>): string {
  const reference = columnReference(pair.provider.name);
  return canonicalValues(
    { provider: pair.provider.type, subscriber: pair.subscriber.type },
    { provider: reference, subscriber: reference },
  )[side];
}

function columnReference(name: string): string {
  return `t.${quoteIdentifier(name)}`;
}
