import { copyText } from './copy-text.js';
import { listLiteral, listLiterals } from './list-literals.js';
import type { KeyOperation } from './net-effect.js';
import type { RowChange, RowSection } from './row-change.js';
import type { ColumnSet, LocatedRow } from './row-reader.js';
import type { Step, StepInput } from './step.js';
import type { TableWriter, TargetColumns, TargetKey } from './table-writer.js';
import type { TargetColumn } from './target-table.js';

const BULK_ROWS = 50;

export interface SectionOptions {
  readonly isPartial?: boolean;
  /** See `PlanBlockPorts`. */
  readonly bulkRows?: number | undefined;
}

/** A section's columns and key as the subscriber's table has them, and the steps that write its changes. */
export class SectionTarget {
  readonly columns: TargetColumns;
  /** Null when the table has no key: then the whole row is what tells rows apart. */
  readonly key: TargetKey | null;
  /** A row with a key may be here or not: an update makes it be here, a delete makes it go. */
  readonly isPartial: boolean;
  readonly #writer: TableWriter;
  readonly #bulkRows: number;

  constructor(
    writer: TableWriter,
    columns: TargetColumns,
    key: TargetKey | null,
    { isPartial = false, bulkRows = BULK_ROWS }: SectionOptions = {},
  ) {
    this.#writer = writer;
    this.columns = columns;
    this.key = key;
    this.isPartial = isPartial && key !== null;
    this.#bulkRows = bulkRows;
  }

  /** One statement for all these changes. Without a key an update is a statement of its own. */
  step(operation: KeyOperation, changes: readonly RowChange[]): Step {
    const rows = () => changes.map(({ row }) => row);
    const located = () => changes.map((change) => change.located ?? this.#writer.reader.locate(change.row));
    if (operation === 'insert') return { ...this.#insertStep(rows, located, changes.length), changes };
    if (operation === 'delete')
      return { ...this.#deleteStep(rows, () => this.#keyLists(changes), changes.length), changes };
    const { key } = this;
    const expected = changes.length;
    if (key === null) {
      const text = this.#writer.text('update-content', this.columns);
      const oldRows = changes.map(({ oldRow }) => oldRow ?? '{}');
      return {
        text,
        input: { kind: 'json', values: [arrayOf(oldRows), arrayOf(rows())] },
        expected,
        changes,
      };
    }
    const { written } = this.columns;
    const isList = !this.isPartial && this.#canList(written, expected);
    const lists = isList ? asLists(listLiterals(written, located())) : undefined;
    if (lists !== undefined) {
      return { text: this.#writer.text('update-lists', this.columns, key), input: lists, expected, changes };
    }
    const text = this.#writer.text(this.isPartial ? 'put' : 'update', this.columns, key);
    return { text, input: json(rows()), expected, changes };
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
    const located = () => rows.map((row) => this.#writer.reader.locate(row));
    return this.#insertStep(() => rows, located, rows.length);
  }

  /** Without a key: as many rows of each content as there are in `rows`. */
  deleteStep(rows: readonly string[]): Step {
    return this.#deleteStep(
      () => rows,
      () => undefined,
      rows.length,
    );
  }

  #insertStep(rows: () => readonly string[], located: () => readonly LocatedRow[], expected: number): Step {
    const { written } = this.columns;
    const { canCopy } = this.#writer.table;
    if (canCopy && expected >= this.#bulkRows && written.length > 0) {
      const data = copyText(written, located());
      if (data !== undefined) {
        const text = this.#writer.text('copy', this.columns);
        return { text, input: { kind: 'copy', data }, expected, changes: [] };
      }
    }
    return { text: this.#writer.text('insert', this.columns), input: json(rows()), expected, changes: [] };
  }

  #deleteStep(rows: () => readonly string[], lists: () => StepInput | undefined, count: number): Step {
    const expected = this.isPartial ? 'any' : count;
    if (this.key === null) {
      const text = this.#writer.text('delete-content', this.columns);
      return { text, input: json(rows()), expected, changes: [] };
    }
    const keys = lists();
    const text = this.#writer.text(keys === undefined ? 'delete' : 'delete-lists', this.key);
    return { text, input: keys ?? json(rows()), expected, changes: [] };
  }

  /** Expects that none of the keys of these changes has a row. */
  absentStep(key: TargetKey, changes: readonly RowChange[]): Step {
    const text = this.#writer.text('present', key);
    return { text, input: json(changes.map(({ row }) => row)), expected: 0, changes };
  }

  /** How it is known that an UPDATE or DELETE by itself that touched no row has none here: see `Step`. */
  absence(change: RowChange): Step['absence'] {
    if (change.operation === 'insert') return undefined;
    if (change.operation === 'delete') return 'itself';
    // An update looks for the values of these columns too.
    const isFixed = ({ name, identity }: TargetColumn) =>
      identity === 'always' && this.key?.columns.some((column) => column.name === name) !== true;
    if (!this.columns.written.some(isFixed)) return 'itself';
    return this.key === null ? undefined : this.absentStep(this.key, [change]);
  }

  #canList(columns: readonly TargetColumn[], rowCount: number): boolean {
    if (rowCount < this.#bulkRows || columns.length === 0) return false;
    return columns.length <= MAX_PARAMETERS && columns.every(({ list }) => list !== undefined);
  }

  #keyLists(changes: readonly RowChange[]): StepInput | undefined {
    const columns = this.key?.columns ?? [];
    if (!this.#canList(columns, changes.length)) return undefined;
    // The text of a key of one column is that of its value.
    if (columns.length === 1) {
      const list = listLiteral(changes.map(({ key }) => key));
      return asLists(list === undefined ? undefined : [list]);
    }
    return asLists(
      listLiterals(
        columns,
        changes.map(({ row }) => this.#writer.reader.locate(row)),
      ),
    );
  }
}

function asLists(values: readonly string[] | undefined): StepInput | undefined {
  return values && { kind: 'lists', values };
}

/** PostgreSQL counts the parameters of a statement in 16 bits. */
const MAX_PARAMETERS = 65_535;

/** What keeps a section from being written: names of columns that the subscriber's table does not have. */
export interface SectionMismatch {
  readonly missingColumns: readonly string[];
}

const NO_COLUMNS: ColumnSet = { names: new Set() };

/** Looks up a section's columns and key in the subscriber's table. Pure but for what the writer keeps. */
export function resolveSection(
  writer: TableWriter,
  section: RowSection,
  options: SectionOptions = {},
): SectionTarget | SectionMismatch {
  const columns = writer.columns(section.columns ?? NO_COLUMNS);
  const key = section.keyColumns.length === 0 ? null : writer.key(section.keyColumns);
  if (columns.unknown.length === 0 && (key !== null || section.keyColumns.length === 0)) {
    return new SectionTarget(writer, columns, key, options);
  }
  const { table } = writer;
  const missingKeys = section.keyColumns.filter(
    (name) => !table.columns.some((column) => column.name === name),
  );
  return { missingColumns: [...new Set([...columns.unknown, ...missingKeys])] };
}

function json(rows: readonly string[]): StepInput {
  return { kind: 'json', values: [arrayOf(rows)] };
}

function arrayOf(rows: readonly string[]): string {
  return `[${rows.join(',')}]`;
}
