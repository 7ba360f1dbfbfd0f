import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Connection } from '../db/connection.js';
import type { Pace } from '../runtime/pace.js';

export interface StreamRowsOptions {
  readonly reader: Connection;
  /** `copy … to stdout`. */
  readonly copyOut: string;
  readonly writer: Connection;
  /** `copy … from stdin`. */
  readonly copyIn: string;
  /** Called with each piece that has come. */
  readonly count: (rows: number, bytes: number) => void;
  /** How many bytes may come in a second; undefined: as many as there are. */
  readonly pace: Pace | undefined;
  readonly signal: AbortSignal;
}

const NEWLINE = 10;

/** Reads rows from one server into another, in the text format of COPY; no more than the sockets' buffers are held. */
export async function streamRows(options: StreamRowsOptions): Promise<void> {
  const { reader, copyOut, writer, copyIn, count, pace, signal } = options;
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      let rows = 0;
      for (let at = chunk.indexOf(NEWLINE); at >= 0; at = chunk.indexOf(NEWLINE, at + 1)) rows++;
      count(rows, chunk.length);
      if (pace === undefined) done(null, chunk);
      else
        pace.take(chunk.length, signal).then(
          () => done(null, chunk),
          (error: Error) => done(error),
        );
    },
  });
  await pipeline(reader.copyTo(copyOut), counted, writer.copyFrom(copyIn), { signal });
}
