import { ReplicateError } from '../errors/replicate-error.js';

/** The value of an option that is a whole number from 1 to `most`. Throws PC100 for anything else. */
export function countOption(options: Readonly<Record<string, unknown>>, name: string, most: number): number {
  const text = String(options[name]);
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > most) {
    throw new ReplicateError('PC100', `--${flagOf(name)}=${text} is not a number between 1 and ${most}.`);
  }
  return count;
}

/** As `countOption` for one that may be left out. */
export function optionalCount(
  options: Readonly<Record<string, unknown>>,
  name: string,
  most: number,
): number | undefined {
  return options[name] === undefined ? undefined : countOption(options, name, most);
}

function flagOf(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
