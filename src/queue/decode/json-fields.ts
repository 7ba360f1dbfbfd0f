import { ReplicateError } from '../../errors/replicate-error.js';

/**
 * Finds the top-level values of a JSON object in its text without building them: a bigint does not fit a JavaScript
 * number, and most values only travel through.
 */
export interface JsonFields {
  readonly names: readonly string[];
  /** Start and end of each value, two numbers for each name. */
  readonly spans: readonly number[];
}

const QUOTE = 34;
const PLUS = 43;
const COMMA = 44;
const MINUS = 45;
const POINT = 46;
const ZERO = 48;
const NINE = 57;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const LETTER_E = 101;
const LETTER_F = 102;
const LETTER_N = 110;
const LETTER_U = 117;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
/** The bit in which a small letter differs from a capital. */
const LOWER_CASE = 32;

/** What is below a space. */
const CONTROL = /[^ -\uffff]/;
/** What may follow a backslash, but for the `u`: `" / \\ b f n r t`. */
const ESCAPED: readonly number[] = [34, 47, 92, 98, 102, 110, 114, 116];
const FOUR_DIGITS = /^[\da-f]{4}$/i;

/** Reads any JSON object. Throws PC404 when the text is none, or has a name twice: readers differ on which value counts. Pure. */
export function readJsonFields(text: string): JsonFields {
  assertObject(text);
  const names: string[] = [];
  const spans: number[] = [];
  let at = skipSpace(text, text.indexOf('{') + 1);
  while (text.charCodeAt(at) === QUOTE) {
    const nameEnd = endOfString(text, at);
    names.push(JSON.parse(text.slice(at, nameEnd)) as string);
    const start = skipSpace(text, skipSpace(text, nameEnd) + 1);
    const end = endOfValue(text, start);
    spans.push(start, end);
    at = skipSpace(text, end);
    if (text.charCodeAt(at) === COMMA) at = skipSpace(text, at + 1);
  }
  if (new Set(names).size < names.length) {
    throw new ReplicateError('PC404', "An event's data has a column twice.");
  }
  return { names, spans };
}

/** After it only the places of names and values have to be found. */
function assertObject(text: string): void {
  try {
    if (text.charCodeAt(skipSpace(text, 0)) === OPEN_BRACE) {
      JSON.parse(text);
      return;
    }
  } catch {
    // What the parser says shows a piece of a row.
  }
  throw new ReplicateError('PC404', "An event's data is not a JSON object.");
}

/** What stands before each value of an object with these names when it is written without spaces. */
export function fieldPrefixes(names: readonly string[]): string[] {
  return names.map((name, i) => `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`);
}

/**
 * True when the text is an object without spaces that has exactly these fields in this order, with plain values;
 * then `spans` holds their places. False says only that `readJsonFields` must look. Exact, and the hot path: it is
 * called for every event. With `count` only so many fields are looked at, and of what follows only that no string has
 * something in it that JSON does not allow.
 */
export function locateFields(
  text: string,
  prefixes: readonly string[],
  spans: number[],
  count = prefixes.length,
): boolean {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const prefix = prefixes[i] as string;
    if (!text.startsWith(prefix, at)) return false;
    at += prefix.length;
    const end = text.charCodeAt(at) === QUOTE ? endOfString(text, at) : endOfPlain(text, at);
    if (end < 0) return false;
    spans[2 * i] = at;
    spans[2 * i + 1] = end;
    at = end;
  }
  // An object without fields is left to the careful look.
  const isWhole = at > 0 && text.charCodeAt(at) === CLOSE_BRACE && at === text.length - 1;
  return (isWhole || count < prefixes.length) && hasStringsOfJson(text);
}

/** True when there is no control character, and behind each backslash what JSON knows. */
function hasStringsOfJson(text: string): boolean {
  if (CONTROL.test(text)) return false;
  for (let at = text.indexOf('\\'); at >= 0; at = text.indexOf('\\', at + 2)) {
    const code = text.charCodeAt(at + 1);
    if (code === LETTER_U ? !FOUR_DIGITS.test(text.slice(at + 2, at + 6)) : !ESCAPED.includes(code))
      return false;
  }
  return true;
}

/** The position behind the string that starts at `start`, or -1. */
function endOfString(text: string, start: number): number {
  if (text.charCodeAt(start) !== QUOTE) return -1;
  let at = start;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return -1;
    let before = at - 1;
    while (text.charCodeAt(before) === BACKSLASH) before--;
    // An odd number of backslashes belongs to this quote, an even number to each other.
    if ((at - before) % 2 === 1) return at + 1;
  }
}

/** The position behind a number, true, false or null, or -1. */
function endOfPlain(text: string, start: number): number {
  const first = text.charCodeAt(start);
  const end = first >= LETTER_F ? endOfName(text, start, first) : endOfNumber(text, start);
  const next = text.charCodeAt(end);
  return next === COMMA || next === CLOSE_BRACE ? end : -1;
}

function endOfName(text: string, start: number, first: number): number {
  const name = first === LETTER_N ? 'null' : first === LETTER_F ? 'false' : 'true';
  return text.startsWith(name, start) ? start + name.length : -1;
}

function endOfNumber(text: string, start: number): number {
  const integer = text.charCodeAt(start) === MINUS ? start + 1 : start;
  let at = endOfDigits(text, integer);
  if (at < 0 || (at > integer + 1 && text.charCodeAt(integer) === ZERO)) return -1;
  if (text.charCodeAt(at) === POINT) {
    at = endOfDigits(text, at + 1);
    if (at < 0) return -1;
  }
  // What is neither E nor e is no letter here: the next character decides.
  if ((text.charCodeAt(at) | LOWER_CASE) !== LETTER_E) return at;
  const sign = text.charCodeAt(at + 1);
  return endOfDigits(text, sign === PLUS || sign === MINUS ? at + 2 : at + 1);
}

/** The position behind at least one digit, or -1. */
function endOfDigits(text: string, start: number): number {
  let at = start;
  for (let code = text.charCodeAt(at); code >= ZERO && code <= NINE; code = text.charCodeAt(at)) at++;
  return at > start ? at : -1;
}

/** The position behind a value of an object. */
function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) return endOfWord(text, start);
  let depth = 0;
  for (let at = start; ; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
    at++;
    if (depth === 0) return at;
  }
}

function endOfWord(text: string, start: number): number {
  let at = start;
  while (at < text.length && !endsPlainValue(text.charCodeAt(at))) at++;
  return at;
}

function endsPlainValue(code: number): boolean {
  return code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code <= 32;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= 32) at++;
  return at;
}
