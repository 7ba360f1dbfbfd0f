import { ReplicateError } from '../../errors/replicate-error.js';

/**
 * Turns the data of a `logutriga` event into the text of a JSON object whose values are strings or null.
 *
 * A name without `=` is null, a name with nothing behind it the empty string. Throws PC404 for bytes that are not
 * UTF-8. Pure.
 */
export function urlencodedToJson(data: string): string {
  if (data === '') return '{}';
  const fields = data.split('&').map((pair) => {
    const at = pair.indexOf('=');
    if (at < 0) return `${JSON.stringify(decode(pair))}:null`;
    return `${JSON.stringify(decode(pair.slice(0, at)))}:${JSON.stringify(decode(pair.slice(at + 1)))}`;
  });
  return `{${fields.join(',')}}`;
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch (cause) {
    throw new ReplicateError('PC404', 'An event holds urlencoded data that is not UTF-8.', {}, { cause });
  }
}
