import type { KeyOperation } from './net-effect.js';
import type { RowChange, RowSection } from './row-change.js';
import type { ColumnSet } from './row-reader.js';
import type { Step } from './step.js';
import type { TableWriter, TargetColumns, TargetKey } from './table-writer.js';

/** A section's columns and key as the subscriber's table has them, and the steps that write its changes. */
export class SectionTarget {
  readonly columns: TargetColumns;
  /** Null when the table has no key: then the whole row is what tells rows apart. */
  readonly key: TargetKey | null;
  readonly #writer: TableWriter;

  constructor(writer: TableWriter, columns: TargetColumns, key: TargetKey | null) {
    this.#writer = writer;
    this.columns = columns;
    this.key = key;
  }

  /** One statement for all these changes. Without a key an update is a statement of its own. */
  step(operation: KeyOperation, changes: readonly RowChange[]): Step {
    const writer = this.#writer;
    const { columns, key } = this;
    if (operation === 'insert') return rowStep(writer.text('insert', columns), changes);
    if (operation === 'delete') {
      return rowStep(
        key === null ? writer.text('delete-content', columns) : writer.text('delete', key),
        changes,
      );
    }
    if (key !== null) return rowStep(writer.text('update', columns, key), changes);
    const oldRows = arrayOf(changes.map(({ oldRow }) => oldRow ?? '{}'));
    const { values: newRows = [], ...step } = rowStep(writer.text('update-content', columns), changes);
    return { ...step, values: [oldRows, ...newRows] };
  }

  /** Expects that none of the keys of these changes has a row. */
  absentStep(key: TargetKey, changes: readonly RowChange[]): Step {
    return { ...rowStep(this.#writer.text('present', key), changes), expected: 0 };
  }
}

/** What keeps a section from being written: names of columns that the subscriber's table does not have. */
export interface SectionMismatch {
  readonly missingColumns: readonly string[];
}

const NO_COLUMNS: ColumnSet = { names: new Set() };

/** Looks up a section's columns and key in the subscriber's table. Pure but for what the writer keeps. */
export function resolveSection(writer: TableWriter, section: RowSection): SectionTarget | SectionMismatch {
  const columns = writer.columns(section.columns ?? NO_COLUMNS);
  const key = section.keyColumns.length === 0 ? null : writer.key(section.keyColumns);
  if (columns.unknown.length === 0 && (key !== null || section.keyColumns.length === 0)) {
    return new SectionTarget(writer, columns, key);
  }
  const { table } = writer;
  const missingKeys = section.keyColumns.filter(
    (name) => !table.columns.some((column) => column.name === name),
  );
  return { missingColumns: [...new Set([...columns.unknown, ...missingKeys])] };
}

function rowStep(text: string, changes: readonly RowChange[]): Step {
  return { text, values: [arrayOf(changes.map(({ row }) => row))], expected: changes.length, changes };
}

function arrayOf(rows: readonly string[]): string {
  return `[${rows.join(',')}]`;
}
