import type { LocatedRow, RowLayout } from './row-reader.js';
import type { TargetColumn } from './target-table.js';

export const QUOTE = 34;
export const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const OPEN_BRACE = 123;

/** NUL, and half of a surrogate pair. */
const NO_TEXT = /[\0\p{Surrogate}]/u;

/**
 * Calls `take` with each value of these columns, row by row, as the JSON text that stands in the row. False, at once, when
 * `take` returns false, or when a row does not have one of the columns.
 */
export function eachValue(
  columns: readonly TargetColumn[],
  rows: readonly LocatedRow[],
  take: (json: string, column: number) => boolean,
): boolean {
  let known: RowLayout | undefined;
  let places: readonly number[] = [];
  for (const { text, layout, spans } of rows) {
    if (layout !== known) {
      known = layout;
      places = columns.map(({ name }) => layout.names.indexOf(name));
      if (places.includes(-1)) return false;
    }
    for (let column = 0; column < places.length; column++) {
      const place = 2 * (places[column] as number);
      if (!take(text.slice(spans[place], spans[place + 1]), column)) return false;
    }
  }
  return true;
}

/** True for an array or an object. */
export function isNested(json: string): boolean {
  const first = json.charCodeAt(0);
  return first === OPEN_BRACE || first === OPEN_BRACKET;
}

/** The string that a JSON text stands for; undefined for one that PostgreSQL would not take. */
export function stringOf(json: string): string | undefined {
  let text: string;
  try {
    text = JSON.parse(json) as string;
  } catch {
    // The server says what is wrong with it.
    return undefined;
  }
  return NO_TEXT.test(text) ? undefined : text;
}
