import type { TableColumn } from '../schema/database-object.js';
import { sequenceText } from '../schema/table-statements.js';

/** Whether it refuses nulls, by its own or by its parent's word. */
export function isNotNull({
  notNull,
  isNotNullAbove,
}: Pick<TableColumn, 'notNull' | 'isNotNullAbove'>): boolean {
  return notNull !== null || isNotNullAbove;
}

/** False when rows from before may break it. */
export function isValid({ notNull }: TableColumn): boolean {
  return notNull?.isValid !== false;
}

/** Told of a generated column that is computed when it is read. */
export function storedText(stored: boolean): string {
  return stored ? '' : ', virtual';
}

/** How a column is declared to be computed. */
export function generatedText({ expression, stored }: NonNullable<TableColumn['generated']>): string {
  return `GENERATED ALWAYS AS (${expression}) ${stored ? 'STORED' : 'VIRTUAL'}`;
}

/** How a column is declared to be counted. */
export function identityText({ always, options }: NonNullable<TableColumn['identity']>): string {
  return `GENERATED ${always ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY (${sequenceText(options)})`;
}
