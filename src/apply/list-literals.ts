import type { LocatedRow } from './row-reader.js';
import { BACKSLASH, eachValue, isNested, QUOTE, stringOf } from './row-values.js';
import type { TargetColumn } from './target-table.js';

/**
 * For each column the literal of an array of its values in all rows; undefined where only the server can tell what a value is:
 * an array, an object, a string that is no text. Pure.
 */
export function listLiterals(
  columns: readonly TargetColumn[],
  rows: readonly LocatedRow[],
): string[] | undefined {
  const lists: string[][] = columns.map(() => []);
  const isDone = eachValue(columns, rows, (json, column) => {
    const element = listElement(json);
    if (element === undefined) return false;
    lists[column]?.push(element);
    return true;
  });
  return isDone ? lists.map(literalOf) : undefined;
}

/** The literal of an array of values that are JSON texts; undefined as for `listLiterals`. Pure. */
export function listLiteral(values: readonly string[]): string | undefined {
  const elements: string[] = [];
  for (const json of values) {
    const element = listElement(json);
    if (element === undefined) return undefined;
    elements.push(element);
  }
  return literalOf(elements);
}

function literalOf(elements: readonly string[]): string {
  return `{${elements.join(',')}}`;
}

/** Numbers, true, false and null are what they are in JSON, and so are most strings. */
function listElement(json: string): string | undefined {
  if (json.charCodeAt(0) !== QUOTE) return isNested(json) ? undefined : json;
  for (let at = json.indexOf('\\'); at >= 0; at = json.indexOf('\\', at + 2)) {
    const code = json.charCodeAt(at + 1);
    // In both, a backslash makes a quote or a backslash plain; what else it means in JSON it does not mean in an array.
    if (code !== QUOTE && code !== BACKSLASH) return quoted(stringOf(json));
  }
  return json;
}

function quoted(text: string | undefined): string | undefined {
  return text === undefined ? undefined : `"${text.replace(/["\\]/g, '\\$&')}"`;
}
