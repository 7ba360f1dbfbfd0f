import type { LocatedRow } from './row-reader.js';
import { eachValue, isNested, QUOTE, stringOf } from './row-values.js';
import type { TargetColumn } from './target-table.js';

const SLASH = 47;
const LETTER_N = 110;
const LETTER_U = 117;
const NEEDS_ESCAPE = /[\\\b\f\n\r\t\v]/g;

/** Lines of a piece. Small pieces are small objects, which Node.js takes away at once when they are done with. */
const PIECE_LINES = 128;

/**
 * The rows as `copy … (columns) from stdin` reads them in its text format, in pieces; undefined where only the server can tell
 * what a value is: an array, an object, a string that is no text. Pure.
 */
export function copyText(
  columns: readonly TargetColumn[],
  rows: readonly LocatedRow[],
): readonly string[] | undefined {
  const pieces: string[] = [];
  let lines: string[] = [];
  const fields: string[] = [];
  const last = columns.length - 1;
  const isDone = eachValue(columns, rows, (json, column) => {
    const field = copyField(json);
    if (field === undefined) return false;
    fields[column] = field;
    if (column < last) return true;
    lines.push(fields.join('\t'));
    if (lines.length === PIECE_LINES) {
      pieces.push(pieceOf(lines));
      lines = [];
    }
    return true;
  });
  if (lines.length > 0) pieces.push(pieceOf(lines));
  return isDone ? pieces : undefined;
}

function pieceOf(lines: readonly string[]): string {
  return `${lines.join('\n')}\n`;
}

function copyField(json: string): string | undefined {
  const first = json.charCodeAt(0);
  if (first !== QUOTE) {
    if (first === LETTER_N) return '\\N';
    return isNested(json) ? undefined : json;
  }
  const at = json.indexOf('\\');
  return at < 0 ? json.slice(1, -1) : unquoted(json, at);
}

/** The inside of a JSON string whose first backslash is at `at`. COPY knows JSON's escapes but for the quote, the slash and `\u`. */
function unquoted(json: string, at: number): string | undefined {
  let text = '';
  let from = 1;
  for (let next = at; next >= 0; ) {
    const code = json.charCodeAt(next + 1);
    if (code === LETTER_U) {
      // Control characters only, from our triggers.
      return stringOf(json)?.replace(NEEDS_ESCAPE, escaped);
    }
    if (code === QUOTE || code === SLASH) {
      text += json.slice(from, next);
      from = next + 1;
    }
    next = json.indexOf('\\', next + 2);
  }
  return text + json.slice(from, -1);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '\\': '\\\\',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
};

function escaped(character: string): string {
  return ESCAPES[character] ?? character;
}
