import { ReplicateError } from '../errors/replicate-error.js';

/** The conditions that a script can name, as Londiste has them. */
export const ATTRIBUTE_KEYS = [
  'local-table',
  'local-sequence',
  'local-destination',
  'need-table',
  'need-sequence',
  'need-function',
  'need-schema',
  'need-view',
] as const;

export type AttributeKey = (typeof ATTRIBUTE_KEYS)[number];

/** Where a script is to run: key → names as they were written. Empty: everywhere. */
export type ScriptAttributes = ReadonlyMap<AttributeKey, readonly string[]>;

const LINE = /^\s*--\*--(.*)$/s;
const COMMENT = /^\s*(?:--.*)?$/s;
const KEY_AND_NAMES = /^\s*([A-Za-z-]+)\s*:(.*)$/s;

/**
 * Reads the `--*-- Key: name, name` lines of a script: they stand in its leading comment lines, a comma at the end of one
 * goes on in the next. Throws PC408 for a key that is not known and for a line that is none. Pure.
 */
export function parseAttributes(fileName: string, text: string): ScriptAttributes {
  const attributes = new Map<AttributeKey, string[]>();
  let goesOn: AttributeKey | undefined;
  const fail = (line: number, reason: string) =>
    new ReplicateError('PC408', `${fileName}, line ${line}: ${reason}`, { file: fileName, line });
  for (const [at, line] of text.split(/\r?\n/).entries()) {
    if (!COMMENT.test(line)) break;
    const content = LINE.exec(line)?.[1];
    if (content === undefined || content.trim() === '') continue;
    let names = content;
    let key = goesOn;
    if (key === undefined) {
      const match = KEY_AND_NAMES.exec(content);
      if (match === null) throw fail(at + 1, 'after --*-- stands "Key: name, name".');
      key = ATTRIBUTE_KEYS.find((known) => known === match[1]?.toLowerCase());
      if (key === undefined) {
        throw fail(at + 1, `there is no condition "${match[1]}"; there are ${ATTRIBUTE_KEYS.join(', ')}.`);
      }
      names = match[2] as string;
    }
    const found = splitNames(names);
    if (found.length === 0) throw fail(at + 1, `${key} names nothing.`);
    attributes.set(key, [...(attributes.get(key) ?? []), ...found]);
    goesOn = /,\s*$/.test(names) ? key : undefined;
  }
  return attributes;
}

/** The text that ev_extra2 of an EXECUTE event carries: urlencoded, as Londiste writes it. Pure. */
export function encodeAttributes(attributes: ScriptAttributes): string {
  return encodeFields([...attributes].map(([key, names]) => [key, names.join(',')]));
}

/** Reads what `encodeAttributes` or Londiste has written. Throws PC404 for a key that is not known and as `decodeFields`. Pure. */
export function decodeAttributes(encoded: string): ScriptAttributes {
  const attributes = new Map<AttributeKey, readonly string[]>();
  for (const [name, value] of decodeFields(encoded)) {
    const key = ATTRIBUTE_KEYS.find((known) => known === name.toLowerCase());
    if (key === undefined) {
      throw new ReplicateError('PC404', `A script has a condition "${name}", which is not known here.`, {
        key: name,
      });
    }
    attributes.set(key, [...(attributes.get(key) ?? []), ...splitNames(value)]);
  }
  return attributes;
}

/** `a=1&b=2`, with what is special in them encoded. Pure. */
export function encodeFields(fields: readonly (readonly [string, string])[]): string {
  return fields.map(([name, value]) => `${encodeField(name)}=${encodeField(value)}`).join('&');
}

/** The fields of an urlencoded text. Throws PC404 for bytes that are not UTF-8. Pure. */
export function decodeFields(encoded: string): [string, string][] {
  return encoded
    .split('&')
    .filter((field) => field !== '')
    .map((field) => {
      const at = field.indexOf('=');
      return at < 0
        ? [decodeField(field), '']
        : [decodeField(field.slice(0, at)), decodeField(field.slice(at + 1))];
    });
}

function splitNames(names: string): string[] {
  return names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function encodeField(text: string): string {
  return encodeURIComponent(text).replaceAll('%20', '+');
}

function decodeField(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new ReplicateError(
      'PC404',
      'A script has urlencoded conditions or settings that are not UTF-8.',
      {},
      { cause },
    );
  }
}
