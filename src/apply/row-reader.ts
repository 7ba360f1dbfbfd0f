import { fieldPrefixes, locateFields, readJsonFields } from '../queue/decode/json-fields.js';

/** The columns that a row's text holds, in no order. One object for each distinct set of a reader. */
export interface ColumnSet {
  readonly names: ReadonlySet<string>;
}

/** One way in which the rows of a table are written: the same names in the same order. */
export interface RowLayout {
  readonly names: readonly string[];
  readonly prefixes: readonly string[];
  readonly columns: ColumnSet;
  /** Where each list of key columns stands among the names; null when a key column is missing. */
  readonly keyPlaces: WeakMap<readonly string[], readonly number[] | null>;
}

/** A row and where its values stand in it: a start and an end for each name of the layout. */
export interface LocatedRow {
  readonly text: string;
  readonly layout: RowLayout;
  readonly spans: readonly number[];
}

/**
 * Tells which columns the rows of one table hold and what their keys are, without parsing the values.
 *
 * Every row is looked at (a row with other columns must never be half-applied), but a row in the layout of the row
 * before it costs one pass over its text. Layouts are few: they change with the table's definition.
 */
export class RowReader {
  readonly #layouts: RowLayout[] = [];
  readonly #columnSets = new Map<string, ColumnSet>();
  #spans: readonly number[] = [];
  readonly #located: number[] = [];
  #text = '';
  #layout: RowLayout | undefined;

  /** The layout of a row's text. Throws PC404 when the text is not a JSON object. */
  read(text: string): RowLayout {
    this.#text = text;
    for (const layout of this.#layouts) {
      if (!locateFields(text, layout.prefixes, this.#located)) continue;
      this.#spans = this.#located;
      this.#layout = layout;
      return layout;
    }
    const fields = readJsonFields(text);
    this.#spans = fields.spans;
    this.#layout = this.#layoutOf(fields.names);
    return this.#layout;
  }

  /** As `read`, with what is found kept in an object. */
  locate(text: string): LocatedRow {
    const layout = this.read(text);
    return { text, layout, spans: this.#spans === this.#located ? this.#located.slice() : this.#spans };
  }

  /** The key of a row, which is read no further: as `key` after `read`. */
  readKey(text: string, keyColumns: readonly string[]): string | undefined {
    for (const layout of this.#layouts) {
      const places = this.#keyPlaces(layout, keyColumns);
      if (places === null || !locateFields(text, layout.prefixes, this.#located, Math.max(...places) + 1))
        continue;
      this.#text = text;
      this.#spans = this.#located;
      this.#layout = layout;
      return this.key(keyColumns);
    }
    this.read(text);
    return this.key(keyColumns);
  }

  /**
   * The key of the row that was read last: the texts of its key values, as JSON, one behind the other. Undefined
   * when a key column is not in the row.
   */
  key(keyColumns: readonly string[]): string | undefined {
    const layout = this.#layout;
    if (layout === undefined) return undefined;
    const places = this.#keyPlaces(layout, keyColumns);
    if (places === null) return undefined;
    let key = '';
    for (const place of places) {
      const value = this.#text.slice(this.#spans[2 * place], this.#spans[2 * place + 1]);
      key = key === '' ? value : `${key},${value}`;
    }
    return key;
  }

  /** The JSON text of one value of the row that was read last, by its place among the layout's names. */
  valueText(place: number): string {
    return this.#text.slice(this.#spans[2 * place], this.#spans[2 * place + 1]);
  }

  #keyPlaces(layout: RowLayout, keyColumns: readonly string[]): readonly number[] | null {
    let places = layout.keyPlaces.get(keyColumns);
    if (places === undefined) {
      places = placesOf(keyColumns, layout.names);
      layout.keyPlaces.set(keyColumns, places);
    }
    return places;
  }

  #layoutOf(names: readonly string[]): RowLayout {
    const prefixes = fieldPrefixes(names);
    const joined = prefixes.join('');
    const known = this.#layouts.find((layout) => layout.prefixes.join('') === joined);
    if (known !== undefined) return known;
    const id = JSON.stringify(names.toSorted());
    let columns = this.#columnSets.get(id);
    if (columns === undefined) {
      columns = { names: new Set(names) };
      this.#columnSets.set(id, columns);
    }
    const layout = { names, prefixes, columns, keyPlaces: new WeakMap() };
    this.#layouts.push(layout);
    return layout;
  }
}

function placesOf(keyColumns: readonly string[], names: readonly string[]): readonly number[] | null {
  const places = keyColumns.map((column) => names.indexOf(column));
  return places.includes(-1) ? null : places;
}
