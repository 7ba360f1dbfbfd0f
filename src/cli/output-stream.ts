import { Writable } from 'node:stream';
import type { Output } from './output.js';

/** The output as the stream that progress bars want: they end in the program's output like everything else. */
export function outputStream(output: Output): NodeJS.WritableStream {
  const stream = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      output.raw(chunk.toString());
      done();
    },
  });
  return Object.assign(stream, { isTTY: true, columns: output.columns });
}
