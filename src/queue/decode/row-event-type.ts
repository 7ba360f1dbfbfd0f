import { ownCopy } from '../own-copy.js';

/** What a row event does to its row. */
export type RowOperation = 'insert' | 'update' | 'delete' | 'truncate';

/** Which of the three triggers wrote the event: that decides how its data is read. */
export type RowFormat = 'json' | 'urlencoded' | 'sql';

export interface RowEventType {
  readonly operation: RowOperation;
  readonly format: RowFormat;
  /** The columns that identify the row; none when the table has no key, or when the format is `sql`. */
  readonly keyColumns: readonly string[];
}

/** Maps and no objects: the words come from outside, and every object knows `constructor`. */
const OPERATION_OF_WORD: ReadonlyMap<unknown, RowOperation> = new Map([
  ['INSERT', 'insert'],
  ['UPDATE', 'update'],
  ['DELETE', 'delete'],
  ['TRUNCATE', 'truncate'],
]);

const OPERATION_OF_LETTER: ReadonlyMap<string, RowOperation> = new Map([
  ['I', 'insert'],
  ['U', 'update'],
  ['D', 'delete'],
  ['R', 'truncate'],
]);

/** Types are few, but come from outside: the memory they may take is bounded. */
const MAX_KNOWN_TYPES = 20_000;
const known = new Map<string, RowEventType | undefined>();
/** Most events have the type of the one before, and comparing texts is cheaper than looking one up. */
let last: { readonly type: string; readonly parsed: RowEventType | undefined } | undefined;

/**
 * Reads the type of an event of `jsontriga`, `logutriga` or `sqltriga`; undefined for every other event.
 *
 * Each distinct type is parsed once, so this may be called for every event.
 */
export function parseRowEventType(type: string): RowEventType | undefined {
  if (last?.type === type) return last.parsed;
  let parsed = known.get(type);
  if (parsed === undefined && !known.has(type)) {
    parsed = type.startsWith('{') ? parseJsonType(type) : parseLetterType(type);
    if (known.size >= MAX_KNOWN_TYPES) known.clear();
    known.set(ownCopy(type), parsed);
  }
  last = { type, parsed };
  return parsed;
}

function parseLetterType(type: string): RowEventType | undefined {
  const operation = OPERATION_OF_LETTER.get(type.slice(0, 1));
  if (operation === undefined) return undefined;
  if (type.length === 1) return { operation, format: 'sql', keyColumns: [] };
  if (type[1] !== ':' || operation === 'truncate') return undefined;
  const names = type.slice(2);
  return { operation, format: 'urlencoded', keyColumns: names === '' ? [] : names.split(',') };
}

function parseJsonType(type: string): RowEventType | undefined {
  let value: unknown;
  try {
    value = JSON.parse(type);
  } catch {
    // Not ours: the caller decides what an event of an unknown type means.
    return undefined;
  }
  const { op, pkey } = value as { op?: unknown; pkey?: unknown };
  const operation = OPERATION_OF_WORD.get(op);
  const keyColumns: unknown = pkey ?? [];
  if (operation === undefined || !isTextList(keyColumns)) return undefined;
  return { operation, format: 'json', keyColumns };
}

function isTextList(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
