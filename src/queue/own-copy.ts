/**
 * The same text in memory of its own. A piece that was cut from a text keeps all of that text in memory: what is held for long
 * must not be cut from what was read.
 */
export function ownCopy(text: string): string {
  return Buffer.from(text).toString();
}
