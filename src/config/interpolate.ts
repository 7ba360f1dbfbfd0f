import { ReplicateError } from '../errors/replicate-error.js';

/**
 * Replaces `%(key)s` by the value of another key, whose own references are replaced too, and `%%` by `%`.
 * Any other `%` stays, so that a connect string in URL form needs no special care.
 *
 * Throws PC102 for a key that is not there and for keys that refer to each other in a circle.
 */
export function interpolate(key: string, text: string, lookup: (key: string) => string | undefined): string {
  return replaceReferences(text, lookup, [key]);
}

function replaceReferences(
  text: string,
  lookup: (key: string) => string | undefined,
  path: readonly string[],
): string {
  return text.replace(/%%|%\(([^)]*)\)s/g, (matched: string, name: string | undefined) => {
    if (matched === '%%') return '%';
    const key = (name ?? '').toLowerCase();
    if (path.includes(key)) {
      throw new ReplicateError('PC102', `The keys ${[...path, key].join(', ')} refer to each other.`, {
        key,
      });
    }
    const value = lookup(key);
    if (value === undefined) {
      throw new ReplicateError('PC102', `The key "${path[0]}" refers to %(${key})s, which is not set.`, {
        key,
      });
    }
    return replaceReferences(value, lookup, [...path, key]);
  });
}
