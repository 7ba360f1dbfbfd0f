import fc from 'fast-check';

/** What decoders stumble over, whatever they decode. */
export const PIECES: readonly string[] = [
  ...['\0', '\x01', '\x02', '\b', '\t', '\n', '\v', '\f', '\r', '\r\n', '\x1b[2J', '\x7f', ' ', '   '],
  ...['\u0085', '\u00a0', '\u2028', '\u3000', '\ufeff', '\ufffd', 'ü', '😀', 'İ', 'ſ', 'e\u0301'],
  ...['__proto__', 'constructor', 'toString', 'null', 'NULL', 'true', 'NaN', 'Infinity'],
  ...['0', '1', '-1', '00', '1.5', '1e999', '9007199254740993', '99999999999999999999', '0x1f'],
  ...["'", "''", '"', '""', '\\', '\\\\', "\\'", '\\"', '\\N', '\\.', '\\n', '\\u', '\\u0041', '\\u0000'],
  ...['%', '%%', '%00', '%0', '%ff', '%c3', '%C3%BC', '%(', '%(a)s', '+', '&', '=', '&&', '==', '?', '#'],
  ...['{', '}', '[', ']', '(', ')', '{}', '[]', ',', ':', ';', '.', '@', '/', '|', '~', '*', '-', '_', '<'],
  ...['--', '/*', '*/', '$', '$$', '$a$', 'a', 'b', 'id', 'A', 'zz'],
];

/** Halves of surrogate pairs: no UTF-8 has them, but JSON's \u can write them. */
export const HALVES: readonly string[] = ['\ud800', '\udfff', '\udc00\ud800'];

/** Any text that UTF-8 can hold. */
export const hostileText: fc.Arbitrary<string> = text(PIECES);

/** A text that is put together from pieces. */
export function text(pieces: readonly string[], constraints: fc.ArrayConstraints = {}): fc.Arbitrary<string> {
  return fc
    .array(fc.constantFrom(...pieces), { maxLength: 12, ...constraints })
    .map((parts) => parts.join(''));
}

/** A place in a text, whatever its length is. */
const place = fc.nat(2 ** 31 - 1);

type Mutation = (text: string) => string;

function mutation(pieces: readonly string[]): fc.Arbitrary<Mutation> {
  const range = fc.tuple(place, place).map(([from, to]) => (text: string): [number, number] => {
    const [one, other] = [from % (text.length + 1), to % (text.length + 1)];
    return [Math.min(one, other), Math.max(one, other)];
  });
  return fc.oneof(
    range.map((rangeOf) => (text: string) => {
      const [from, to] = rangeOf(text);
      return text.slice(0, from) + text.slice(to);
    }),
    place.map((at) => (text: string) => text.slice(0, at % (text.length + 1))),
    range.map((rangeOf) => (text: string) => {
      const [from, to] = rangeOf(text);
      return text.slice(0, to) + text.slice(from);
    }),
    fc.tuple(range, place).map(([rangeOf, at]) => (text: string) => {
      const [from, to] = rangeOf(text);
      const middle = from + (at % (to - from + 1));
      return text.slice(0, from) + text.slice(middle, to) + text.slice(from, middle) + text.slice(to);
    }),
    fc.tuple(place, fc.constantFrom(...pieces)).map(([at, piece]) => (text: string) => {
      const here = at % (text.length + 1);
      return text.slice(0, here) + piece + text.slice(here);
    }),
    fc.tuple(place, fc.nat(255)).map(([at, byte]) => (text: string) => {
      const bytes = Buffer.from(text);
      if (bytes.length > 0) bytes[at % bytes.length] = byte;
      return bytes.toString();
    }),
  );
}

/** Texts that are nearly right: parts of them cut out, doubled, swapped, with something put in, with other bytes. */
export function mutated(valid: fc.Arbitrary<string>, pieces = PIECES): fc.Arbitrary<string> {
  return (
    fc
      .tuple(valid, fc.array(mutation(pieces), { maxLength: 4 }))
      .map(([text, mutations]) => mutations.reduce((changed, mutate) => mutate(changed), text))
      // As it is read: what is no UTF-8 becomes U+FFFD.
      .map((text) => Buffer.from(text).toString())
  );
}

/** Where a text or a buffer is cut: `pieces` makes its pieces, which may be empty. */
export const cuts: fc.Arbitrary<number[]> = fc.array(place, { maxLength: 6 });

/** A text or a buffer in pieces. */
export function cutAt<T extends { readonly length: number; subarray?: unknown }>(
  whole: T & (string | Buffer),
  at: readonly number[],
): T[] {
  const ends = at.map((cut) => cut % (whole.length + 1)).toSorted((a, b) => a - b);
  return [...ends, whole.length].map((end, i) => {
    const from = i === 0 ? 0 : (ends[i - 1] as number);
    return (typeof whole === 'string' ? whole.slice(from, end) : whole.subarray(from, end)) as unknown as T;
  });
}
