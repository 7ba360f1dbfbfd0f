/**
 * The attributes of a registered table and the arguments of a handler, as Londiste stores them: urlencoded pairs, a
 * name without `=` has no value.
 */
export type Attributes = ReadonlyMap<string, string | null>;

/** Reads urlencoded pairs. What is not well encoded is taken as it stands. Of a name that comes twice the last counts. Pure. */
export function parseAttributes(text: string | null): Attributes {
  const attributes = new Map<string, string | null>();
  for (const pair of (text ?? '').split('&')) {
    if (pair === '') continue;
    const at = pair.indexOf('=');
    attributes.set(decode(at < 0 ? pair : pair.slice(0, at)), at < 0 ? null : decode(pair.slice(at + 1)));
  }
  return attributes;
}

/** Writes pairs in their order, as Python's quote_plus does. Pure. */
export function printAttributes(attributes: Attributes): string {
  return [...attributes]
    .map(([name, value]) => (value === null ? encode(name) : `${encode(name)}=${encode(value)}`))
    .join('&');
}

function encode(text: string): string {
  return encodeURIComponent(text)
    .replaceAll(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');
}

function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ');
  try {
    return decodeURIComponent(spaced);
  } catch {
    return spaced;
  }
}
