import { ReplicateError } from '../errors/replicate-error.js';
import { type Attributes, parseAttributes, printAttributes } from '../replica/table-attributes.js';

/** The attribute that names a table's handler, and its name in very old versions of Londiste. */
const ATTRIBUTE = 'handler';
const LEGACY_ATTRIBUTE = 'handlers';

/** A handler as a table's attributes name it: `name` or `name(argument=value&…)`. */
export interface HandlerText {
  readonly name: string;
  readonly args: Attributes;
}

/**
 * The handler in the attributes of a table; undefined when they name none. Throws PC410 when the text is no handler.
 * Between arguments a comma is taken as `&`: in a value it is encoded. Pure.
 */
export function readHandlerText(tableAttributes: string | null): HandlerText | undefined {
  const attributes = parseAttributes(tableAttributes);
  const text = attributes.get(ATTRIBUTE) ?? attributes.get(LEGACY_ATTRIBUTE) ?? '';
  if (text === '') return undefined;
  const match = /^([\w.]+)(?:\((.*)\))?$/s.exec(text.trim());
  const [, name, args = ''] = match ?? [];
  if (name === undefined) {
    throw new ReplicateError(
      'PC410',
      `"${text}" is no handler: it is written name or name(argument=value&…).`,
    );
  }
  return { name, args: parseAttributes(args.replaceAll(',', '&')) };
}

/** The attributes of a table with another handler, or with none; all others stay. Null when nothing is left. Pure. */
export function withHandlerText(
  tableAttributes: string | null,
  handler: HandlerText | undefined,
): string | null {
  const attributes = new Map(parseAttributes(tableAttributes));
  attributes.delete(LEGACY_ATTRIBUTE);
  attributes.delete(ATTRIBUTE);
  if (handler !== undefined) {
    const args = printAttributes(handler.args);
    attributes.set(ATTRIBUTE, args === '' ? handler.name : `${handler.name}(${args})`);
  }
  return attributes.size === 0 ? null : printAttributes(attributes);
}

/** For a person: the handler with its arguments as they were typed. Pure. */
export function describeHandler({ name, args }: HandlerText): string {
  const parts = [...args].map(([key, value]) => (value === null ? key : `${key}=${value}`));
  return parts.length === 0 ? name : `${name} (${parts.join(', ')})`;
}
