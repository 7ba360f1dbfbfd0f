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
const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const BACKSLASH = 92;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** Reads any JSON object. Throws PC404 when the text is none. Pure. */
export function readJsonFields(text: string): JsonFields {
  const names: string[] = [];
  const spans: number[] = [];
  let at = skipSpace(text, 0);
  if (text.charCodeAt(at) !== OPEN_BRACE) throw notAnObject();
  at = skipSpace(text, at + 1);
  while (text.charCodeAt(at) !== CLOSE_BRACE || names.length > 0) {
    const nameEnd = endOfString(text, at);
    if (nameEnd < 0) throw notAnObject();
    names.push(JSON.parse(text.slice(at, nameEnd)) as string);
    at = skipSpace(text, nameEnd);
    if (text.charCodeAt(at) !== COLON) throw notAnObject();
    at = skipSpace(text, at + 1);
    const end = endOfValue(text, at);
    if (end < 0) throw notAnObject();
    spans.push(at, end);
    at = skipSpace(text, end);
    const separator = text.charCodeAt(at);
    if (separator === CLOSE_BRACE) break;
    if (separator !== COMMA) throw notAnObject();
    at = skipSpace(text, at + 1);
  }
  if (skipSpace(text, at + 1) !== text.length) throw notAnObject();
  return { names, spans };
}

/** What stands before each value of an object with these names when it is written without spaces. */
export function fieldPrefixes(names: readonly string[]): string[] {
  return names.map((name, i) => `${i === 0 ? '{' : ','}${JSON.stringify(name)}:`);
}

/**
 * True when the text is an object without spaces that has exactly these fields in this order, with plain values;
 * then `spans` holds their places. False says only that `readJsonFields` must look. Exact, and the hot path: it is
 * called for every event. With `count` only so many fields are looked at, and what follows may be anything.
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
  return count < prefixes.length || (text.charCodeAt(at) === CLOSE_BRACE && at === text.length - 1);
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
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === COMMA || code === CLOSE_BRACE) return at > start ? at : -1;
    if (code === OPEN_BRACE || code === OPEN_BRACKET || code === QUOTE || code <= 32) return -1;
  }
  return -1;
}

function endOfValue(text: string, start: number): number {
  const first = text.charCodeAt(start);
  if (first === QUOTE) return endOfString(text, start);
  if (first !== OPEN_BRACE && first !== OPEN_BRACKET) {
    let at = start;
    while (at < text.length && !endsPlainValue(text.charCodeAt(at))) at++;
    return at > start ? at : -1;
  }
  let depth = 0;
  for (let at = start; at < text.length; ) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(text, at);
      if (at < 0) return -1;
      continue;
    }
    if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
    at++;
    if (depth === 0) return at;
  }
  return -1;
}

function endsPlainValue(code: number): boolean {
  return code === COMMA || code === CLOSE_BRACE || code === CLOSE_BRACKET || code <= 32;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (at < text.length && text.charCodeAt(at) <= 32) at++;
  return at;
}

function notAnObject(): ReplicateError {
  return new ReplicateError('PC404', "An event's data is not a JSON object.");
}
