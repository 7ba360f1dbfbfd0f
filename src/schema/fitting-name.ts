import { createHash } from 'node:crypto';

const MAX_NAME_BYTES = 63;

/** A name that tells what belongs to the table under its new name. */
export function fittingName(name: string, from: string, to: string): string {
  const fitting = name.includes(from) ? name.replace(from, () => to) : `${to}_${name}`;
  if (Buffer.byteLength(fitting) <= MAX_NAME_BYTES) return fitting;
  // Cut off, two names could be the same.
  const mark = createHash('sha256').update(fitting).digest('hex').slice(0, 8);
  let cut = fitting;
  while (Buffer.byteLength(cut) > MAX_NAME_BYTES - mark.length - 1) cut = cut.slice(0, -1);
  return `${cut}_${mark}`;
}
