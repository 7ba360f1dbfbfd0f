/**
 * A value as an indented JSON document. Ids and counts are bigint; they are numbers as long as a reader can hold them
 * exactly, else strings.
 */
export function jsonText(value: unknown): string {
  return JSON.stringify(value, writeNumber, 2);
}

function writeNumber(_key: string, value: unknown): unknown {
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : value.toString();
}
