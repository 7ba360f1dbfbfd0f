import { type RowLayout, RowReader } from '../apply/row-reader.js';
import type { RewrittenRow, RowRewrite, RowToRewrite } from '../apply/row-rewrite.js';
import type { TargetTable } from '../apply/target-table.js';
import type { Connection, Row } from '../db/connection.js';
import { quoteIdentifier } from '../db/identifier.js';
import {
  conditionSql,
  hasColumn,
  isPartial,
  isWholeTable,
  kindOfType,
  type RowSelection,
  type ValueKind,
} from './row-selection.js';
import { useSettings } from './selection-settings.js';
import type { SourceColumn } from './source-columns.js';

/**
 * A selection over the rows of events: one query for each block on this node, over their JSON texts. Columns that are
 * left out go here, values that stay keep their text to the byte.
 */
export class SelectedRows implements RowRewrite {
  readonly isPartial: boolean;
  readonly ignoresTruncate: boolean;
  readonly changesRows: boolean;
  readonly #selection: RowSelection;
  /** What the expressions can look at, by name. */
  readonly #columns: ReadonlyMap<string, EventColumn>;
  readonly #reader = new RowReader();
  readonly #texts: { readonly rows: Evaluation; readonly keys: Evaluation };

  /**
   * `source`: the provider's columns. Where their types are not PostgreSQL's own, or may be old, they are read as they
   * are here.
   */
  constructor(
    selection: RowSelection,
    source: readonly SourceColumn[],
    target: TargetTable,
    isSourceOld = false,
  ) {
    this.#selection = selection;
    this.isPartial = isPartial(selection);
    this.ignoresTruncate = selection.ignoresTruncate;
    this.changesRows = !isWholeTable(selection);
    this.#columns = eventColumns(source, target, isSourceOld);
    const values = this.#valueColumns();
    this.#texts = { rows: this.#evaluation(this.isPartial, values), keys: this.#evaluation(false, values) };
  }

  async rewrite(tx: Connection, rows: readonly RowToRewrite[]): Promise<RewrittenRow[]> {
    await useSettings(tx, this.#selection);
    const isKey = rows.map((row) => row.isKey);
    const texts = rows.map(({ row }) => row);
    const whole = await this.#evaluate(
      tx,
      this.#texts.rows,
      texts.filter((_, i) => !isKey[i]),
    );
    const keys = await this.#evaluate(
      tx,
      this.#texts.keys,
      texts.filter((_, i) => isKey[i]),
    );
    return texts.map((text, i) => {
      const found = (isKey[i] === true ? keys : whole).shift();
      return { row: this.#compose(text, found), isHere: isKey[i] === true || found?.['here'] !== false };
    });
  }

  /** Asks the server whether it understands the expressions. Throws the server's error. */
  async check(connection: Connection): Promise<void> {
    await useSettings(connection, this.#selection);
    for (const { sql } of [this.#texts.rows, this.#texts.keys]) {
      if (sql !== undefined) await connection.query(sql, ['[]']);
    }
  }

  #valueColumns(): readonly ValueColumn[] {
    return [...this.#selection.values].flatMap(([name, value], i) => {
      const column = this.#columns.get(name);
      return column === undefined
        ? []
        : [{ name, as: `v${i}`, ...value(quoteIdentifier(name), kindOfType(column.type)) }];
    });
  }

  #evaluation(hasCondition: boolean, values: readonly ValueColumn[]): Evaluation {
    const condition = hasCondition ? conditionSql(this.#selection) : 'true';
    const expressions = [condition, ...values.map(({ sql }) => sql)].join(' ');
    // An expression that does not hold a name cannot mean the column.
    const needed = [...this.#columns.values()].filter(({ name }) =>
      expressions.toLowerCase().includes(name.toLowerCase()),
    );
    if (!hasCondition && values.length === 0) return { sql: undefined, needed, values };
    return { sql: evaluationSql(condition, needed, values), needed, values };
  }

  async #evaluate(tx: Connection, { sql, needed }: Evaluation, rows: readonly string[]): Promise<FoundRow[]> {
    if (sql === undefined || rows.length === 0) return rows.map(() => ({ here: true }));
    const names = new Set(needed.map(({ name }) => name));
    const found = await tx.query<FoundRow>(sql, [`[${rows.map((row) => this.#only(row, names)).join(',')}]`]);
    if (found.length !== rows.length) throw new RangeError('A row of an event was lost.');
    return found;
  }

  /** The row with these fields only. */
  #only(text: string, names: ReadonlySet<string>): string {
    const layout = this.#reader.read(text);
    const fields = layout.names.flatMap((name, place) =>
      names.has(name) ? [`${JSON.stringify(name)}:${this.#reader.valueText(place)}`] : [],
    );
    return `{${fields.join(',')}}`;
  }

  #compose(text: string, found: FoundRow | undefined): string {
    const { columns, values } = this.#selection;
    if (columns === undefined && values.size === 0) return text;
    const layout: RowLayout = this.#reader.read(text);
    const changed = new Map(
      this.#texts.rows.values.map(({ name, as, kind }) => [name, jsonText(found?.[as], kind)]),
    );
    const fields = layout.names.flatMap((name, place) =>
      hasColumn(this.#selection, name)
        ? [`${JSON.stringify(name)}:${changed.get(name) ?? this.#reader.valueText(place)}`]
        : [],
    );
    return `{${fields.join(',')}}`;
  }
}

interface EventColumn {
  readonly name: string;
  /** The provider's type; this node's where the provider's is not known. */
  readonly type: string;
  /** As what the event's text is read. */
  readonly recordSql: string;
  /** The value with its own type. */
  readonly valueSql: string;
}

interface ValueColumn {
  readonly name: string;
  /** Its name in the answer. */
  readonly as: string;
  readonly sql: string;
  readonly kind: ValueKind;
}

interface Evaluation {
  /** Undefined when there is nothing to ask. */
  readonly sql: string | undefined;
  readonly needed: readonly EventColumn[];
  readonly values: readonly ValueColumn[];
}

interface FoundRow extends Row {
  readonly here: boolean;
}

const TEXT_TYPES: ReadonlySet<string> = new Set(['text', 'character varying', 'bpchar']);

function eventColumns(
  source: readonly SourceColumn[],
  target: TargetTable,
  isSourceOld: boolean,
): ReadonlyMap<string, EventColumn> {
  const here = new Map(target.columns.map((column) => [column.name, column]));
  const columns = new Map<string, EventColumn>();
  for (const { name, type } of source) {
    const column = here.get(name);
    // With our search_path only types of other schemas have a dot in their names.
    const typeSql = isSourceOld || type.includes('.') ? (column?.typeSql ?? type) : type;
    const collateSql = TEXT_TYPES.has(type) ? (column?.collateSql ?? '') : '';
    columns.set(name, eventColumn(name, type, typeSql, collateSql));
  }
  for (const { name, typeSql, collateSql } of target.columns) {
    if (!columns.has(name)) columns.set(name, eventColumn(name, typeSql, typeSql, collateSql));
  }
  return columns;
}

function eventColumn(name: string, type: string, typeSql: string, collateSql: string): EventColumn {
  const reference = quoteIdentifier(name);
  // Events hold the text of json as a JSON string, which the type itself would take for a JSON value.
  const isJson = ['json', 'jsonb'].includes(typeSql.replaceAll('"', '').replace(/^pg_catalog\./, ''));
  return {
    name,
    type,
    recordSql: `${reference} ${isJson ? 'pg_catalog.text' : `${typeSql}${collateSql}`}`,
    valueSql: isJson ? `r.${reference}::${typeSql} as ${reference}` : `r.${reference}`,
  };
}

function evaluationSql(
  condition: string,
  needed: readonly EventColumn[],
  values: readonly ValueColumn[],
): string {
  // A record needs a column.
  const columns = needed.length === 0 ? ['"?" pg_catalog.text'] : needed.map(({ recordSql }) => recordSql);
  const names = needed.length === 0 ? ['"?"'] : needed.map(({ name }) => quoteIdentifier(name));
  const items = [
    `coalesce((${condition}), false) as here`,
    ...values.map(({ sql, as }) => `(${sql})::text as ${as}`),
  ];
  return (
    `select ${items.join(', ')} from (` +
    `select ${[...needed.map(({ valueSql }) => valueSql), 'r."#"'].join(', ')} ` +
    `from rows from (pg_catalog.json_to_recordset($1::pg_catalog.json) as (${columns.join(', ')})) ` +
    `with ordinality as r(${[...names, '"#"'].join(', ')})) as t order by t."#"`
  );
}

function jsonText(value: unknown, kind: ValueKind): string {
  if (value === null || value === undefined) return 'null';
  return kind === 'integer' ? String(value) : JSON.stringify(value);
}
