import { isAscii } from 'node:buffer';
import { ReplicateError } from '../errors/replicate-error.js';

/** Makes text of the chunks of a COPY, which may be cut inside of a character. */
export class Utf8Chunks {
  /** Without `ignoreBOM` it would take a byte order mark off that a chunk happens to begin with. */
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  #mayBeCut = false;

  /** The text up to the last character that is complete. Throws PC404 for bytes that are not UTF-8. */
  decode(chunk: Buffer): string {
    // Most data are plain ASCII, which needs no decoding.
    if (!this.#mayBeCut && isAscii(chunk)) return chunk.toString('latin1');
    this.#mayBeCut = (chunk.at(-1) ?? 0x80) >= 0x80;
    try {
      return this.#decoder.decode(chunk, { stream: true });
    } catch (cause) {
      throw new ReplicateError(
        'PC404',
        'An event holds bytes that are not UTF-8, as the encoding SQL_ASCII lets them in.',
        {},
        { cause },
      );
    }
  }
}
