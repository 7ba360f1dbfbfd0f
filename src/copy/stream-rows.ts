import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Connection } from '../db/connection.js';
import type { CopyFormat } from './copy-format.js';

/** What holds a copy back. */
export interface Throttle {
  /** Waits until so much may be read. Throws when it is told to stop. */
  take(bytes: number, signal: AbortSignal): Promise<void>;
}

export interface StreamRowsOptions {
  readonly reader: Connection;
  /** `copy … to stdout`. */
  readonly copyOut: string;
  readonly writer: Connection;
  /** `copy … from stdin`. */
  readonly copyIn: string;
  /** Of both. */
  readonly format: CopyFormat;
  /** Called with each piece that has come. */
  readonly count: (rows: number, bytes: number) => void;
  readonly throttle: Throttle;
  readonly signal: AbortSignal;
}

/** Reads rows from one server into another, as they are; no more than the sockets' buffers are held. */
export async function streamRows(options: StreamRowsOptions): Promise<void> {
  const { reader, copyOut, writer, copyIn, format, count, throttle, signal } = options;
  const rows = reader.copyFramesTo(copyOut);
  // The end of a binary COPY is a message too.
  let counted = format === 'binary' ? 1 : 0;
  const throttled = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      count(rows.rowCount - counted, chunk.length);
      counted = rows.rowCount;
      throttle.take(chunk.length, signal).then(
        () => done(null, chunk),
        (error: Error) => done(error),
      );
    },
  });
  await pipeline(rows, throttled, writer.copyFramesFrom(copyIn), { signal });
}
