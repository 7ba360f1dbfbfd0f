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
  /** A row with a key may be here or not: an update makes it be here, a delete makes it go. */
  readonly isPartial: boolean;
  readonly #writer: TableWriter;

  constructor(writer: TableWriter, columns: TargetColumns, key: TargetKey | null, isPartial: boolean) {
    this.#writer = writer;
    this.columns = columns;
    this.key = key;
    this.isPartial = isPartial && key !== null;
  }

  /** One statement for all these changes. Without a key an update is a statement of its own. */
  step(operation: KeyOperation, changes: readonly RowChange[]): Step {
    const rows = changes.map(({ row }) => row);
    if (operation === 'insert') return { ...this.insertStep(rows), changes };
    if (operation === 'delete') return { ...this.deleteStep(rows), changes };
    const expected = changes.length;
    if (this.key !== null) {
      const text = this.#writer.text(this.isPartial ? 'put' : 'update', this.columns, this.key);
      return { text, values: [arrayOf(rows)], expected, changes };
    }
    const text = this.#writer.text('update-content', this.columns);
    const oldRows = changes.map(({ oldRow }) => oldRow ?? '{}');
    return { text, values: [arrayOf(oldRows), arrayOf(rows)], expected, changes };
  }

  /** As `step`; two statements where a row that may be here or not cannot be written by one. */
  steps(operation: KeyOperation, changes: readonly RowChange[]): Step[] {
    if (operation !== 'update' || !this.isPartial || this.#canPut) return [this.step(operation, changes)];
    return [this.step('delete', changes), this.step('insert', changes)];
  }

  /** `insert … on conflict` needs a unique index, and a column that may be set. */
  get #canPut(): boolean {
    return this.key?.isUnique === true && this.columns.written.some(({ identity }) => identity !== 'always');
  }

  insertStep(rows: readonly string[]): Step {
    const text = this.#writer.text('insert', this.columns);
    return { text, values: [arrayOf(rows)], expected: rows.length, changes: [] };
  }

  /** Deletes by key, or without one as many rows of each content as there are in `rows`. */
  deleteStep(rows: readonly string[]): Step {
    const text =
      this.key === null
        ? this.#writer.text('delete-content', this.columns)
        : this.#writer.text('delete', this.key);
    return { text, values: [arrayOf(rows)], expected: this.isPartial ? 'any' : rows.length, changes: [] };
  }

  /** Expects that none of the keys of these changes has a row. */
  absentStep(key: TargetKey, changes: readonly RowChange[]): Step {
    const text = this.#writer.text('present', key);
    return { text, values: [arrayOf(changes.map(({ row }) => row))], expected: 0, changes };
  }
}

/** What keeps a section from being written: names of columns that the subscriber's table does not have. */
export interface SectionMismatch {
  readonly missingColumns: readonly string[];
}

const NO_COLUMNS: ColumnSet = { names: new Set() };

/** Looks up a section's columns and key in the subscriber's table. Pure but for what the writer keeps. */
export function resolveSection(
  writer: TableWriter,
  section: RowSection,
  isPartial = false,
): SectionTarget | SectionMismatch {
  const columns = writer.columns(section.columns ?? NO_COLUMNS);
  const key = section.keyColumns.length === 0 ? null : writer.key(section.keyColumns);
  if (columns.unknown.length === 0 && (key !== null || section.keyColumns.length === 0)) {
    return new SectionTarget(writer, columns, key, isPartial);
  }
  const { table } = writer;
  const missingKeys = section.keyColumns.filter(
    (name) => !table.columns.some((column) => column.name === name),
  );
  return { missingColumns: [...new Set([...columns.unknown, ...missingKeys])] };
}

function arrayOf(rows: readonly string[]): string {
  return `[${rows.join(',')}]`;
}
