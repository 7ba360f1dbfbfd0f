import { ReplicateError } from '../errors/replicate-error.js';

/** Keys that refer to each other twice each, a few dozen of them, would fill any memory. */
const MAX_LENGTH = 1_000_000;

/**
 * Replaces `%(key)s` by the value of another key, whose own references are replaced too, and `%%` by `%`.
 * Any other `%` stays, so that a connect string in URL form needs no special care.
 *
 * Throws PC102 for a key that is not there, for keys that refer to each other in a circle, and for a value that gets
 * longer than a million characters.
 */
export function interpolate(key: string, text: string, lookup: (key: string) => string | undefined): string {
  return new Interpolation(lookup).replace(text, [key]);
}

class Interpolation {
  readonly #lookup: (key: string) => string | undefined;
  /** Characters so far, of all values that have been put in. */
  #length = 0;

  constructor(lookup: (key: string) => string | undefined) {
    this.#lookup = lookup;
  }

  replace(text: string, path: readonly string[]): string {
    let result = '';
    let from = 0;
    /** The next closing parenthesis, looked for no more often than there are any. */
    let close = -1;
    for (let at = text.indexOf('%'); at >= 0; at = text.indexOf('%', from)) {
      result += text.slice(from, at);
      if (close < at) close = positionOf(text, ')', at);
      if (text.startsWith('%%', at)) {
        result += '%';
        from = at + 2;
      } else if (text.startsWith('%(', at) && text[close + 1] === 's') {
        result += this.#valueOf(text.slice(at + 2, close).toLowerCase(), path);
        from = close + 2;
      } else {
        result += '%';
        from = at + 1;
      }
    }
    return result + text.slice(from);
  }

  #valueOf(key: string, path: readonly string[]): string {
    if (path.includes(key)) {
      throw new ReplicateError('PC102', `The keys ${[...path, key].join(', ')} refer to each other.`, {
        key,
      });
    }
    const value = this.#lookup(key);
    if (value === undefined) {
      throw new ReplicateError('PC102', `The key "${path[0]}" refers to %(${key})s, which is not set.`, {
        key,
      });
    }
    const replaced = this.replace(value, [...path, key]);
    this.#length += replaced.length;
    if (this.#length > MAX_LENGTH) {
      throw new ReplicateError('PC102', `The key "${path[0]}" refers to more text than a value can be.`, {
        key: path[0],
      });
    }
    return replaced;
  }
}

/** As `indexOf`, with the end of the text where there is none. */
function positionOf(text: string, searched: string, from: number): number {
  const at = text.indexOf(searched, from);
  return at < 0 ? text.length : at;
}
