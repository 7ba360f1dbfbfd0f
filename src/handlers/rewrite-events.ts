import type { RewrittenRow, RowRewrite, RowToRewrite } from '../apply/row-rewrite.js';
import type { Connection } from '../db/connection.js';
import { splitName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { readJsonFields } from '../queue/decode/json-fields.js';
import { parseRowEventType, type RowEventType } from '../queue/decode/row-event-type.js';
import { urlencodedToJson } from '../queue/decode/urlencoded.js';
import type { QueueEvent } from '../queue/event.js';

/**
 * The events of one table with the rows that a selection makes of them, in the format of our capture: what a branch
 * hands on that must not hand on what was written. TRUNCATE stays as it is.
 *
 * Throws PC410 for an event that cannot be read: it is handed on by nobody then. May be repeated.
 */
export async function rewriteEvents<E extends QueueEvent>(
  tx: Connection,
  events: readonly E[],
  rewrite: RowRewrite,
): Promise<E[]> {
  const parsed = events.map((event) => ({ event, type: readType(event) }));
  const wanted = parsed.flatMap(({ event, type }) => rowsOf(event, type));
  const rewritten = wanted.length === 0 ? [] : await rewrite.rewrite(tx, wanted);
  let at = 0;
  return parsed.map(({ event, type }) => {
    if (type.operation === 'truncate') return event;
    const { row } = rewritten[at++] as RewrittenRow;
    const oldRow = event.extra2 === null ? null : (rewritten[at++] as RewrittenRow).row;
    return {
      ...event,
      type: type.format === 'json' ? event.type : jsonType(event, type),
      data: row,
      extra2: oldRow,
      extra3: keyText(row, type.keyColumns),
      extra4: null,
    };
  });
}

function readType(event: QueueEvent): RowEventType {
  const type = parseRowEventType(event.type);
  const isReadable = type !== undefined && (type.format !== 'sql' || type.operation === 'truncate');
  if (isReadable) return type;
  throw new ReplicateError(
    'PC410',
    `Event ${event.id} of ${event.extra1 ?? 'no table'} is of a kind that its handler cannot rewrite, so it is not handed on.`,
    { eventId: event.id },
  );
}

function rowsOf(event: QueueEvent, { operation, format, keyColumns }: RowEventType): RowToRewrite[] {
  if (operation === 'truncate') return [];
  const toJson = (text: string) => (format === 'json' ? text : urlencodedToJson(text));
  const isKey = operation === 'delete' && keyColumns.length > 0;
  const rows: RowToRewrite[] = [{ row: toJson(event.data ?? '{}'), isKey }];
  if (event.extra2 !== null) rows.push({ row: toJson(event.extra2), isKey: false });
  return rows;
}

const WORDS = { insert: 'INSERT', update: 'UPDATE', delete: 'DELETE', truncate: 'TRUNCATE' } as const;

function jsonType({ extra1 }: QueueEvent, { operation, keyColumns }: RowEventType): string {
  const { schema, name } = splitName(extra1 ?? '');
  return JSON.stringify({ op: WORDS[operation], table: [schema, name], pkey: keyColumns });
}

/** The key as ev_extra3 holds it: the text of the value, or that of a row of the values. */
function keyText(row: string, keyColumns: readonly string[]): string | null {
  const { names, spans } = readJsonFields(row);
  const values = keyColumns.map((name) => {
    const place = names.indexOf(name);
    if (place < 0) {
      throw new ReplicateError('PC410', `The key column ${name} is not handed on: keep or hash it.`);
    }
    return textOf(row.slice(spans[2 * place], spans[2 * place + 1]), keyColumns.length > 1);
  });
  if (values.length === 0) return null;
  return values.length === 1 ? (values[0] ?? null) : `(${values.map(fieldText).join(',')})`;
}

/** As PostgreSQL writes it: numbers keep their digits, a boolean is a letter inside of a row. */
function textOf(json: string, isField: boolean): string | null {
  if (json === 'null') return null;
  if (json === 'true' || json === 'false') return isField ? json.slice(0, 1) : json;
  return json.startsWith('"') ? (JSON.parse(json) as string) : json;
}

function fieldText(value: string | null): string {
  if (value === null) return '';
  if (value !== '' && !/[ \t\n\v\f\r"\\(),]/.test(value)) return value;
  return `"${value.replaceAll('\\', '\\\\').replaceAll('"', '""')}"`;
}
