import type { EventEmitter } from 'node:events';
import { Readable, Writable } from 'node:stream';
import { ReplicateError } from '../errors/replicate-error.js';

/**
 * A COPY from one server into another without looking at the rows: what one sends, each row in a message of its own, is what the
 * other takes. The messages go through as they are, so that a row costs a look at its length and no more.
 */

const COPY_DATA = 0x64; // 'd'
const COPY_DONE = 0x63; // 'c'
const ERROR = 0x45; // 'E'
const HEADER_BYTES = 5;
/** Of a row of no bytes: its length counts itself. */
const SHORTEST_HEADER = [COPY_DATA, 0, 0, 0, 4];
/** Of a row that is longer than this the session is cut rather than the row ended. */
const LONGEST_REST = 16 * 1024 * 1024;
const PADDING = Buffer.alloc(65_536);

/** What `pg` gives a query that is its turn. */
export interface CopyWire {
  readonly stream: EventEmitter & {
    pause(): unknown;
    resume(): unknown;
    write(chunk: Uint8Array): boolean;
    destroy(): unknown;
  };
  query(text: string): void;
  endCopyFrom(): void;
  sendCopyFail(message: string): void;
}

type Parser = (bytes: Buffer) => void;

/**
 * The answer to a `copy … to stdout`: the server's messages of rows, cut anywhere. To be read to its end or destroyed before the next
 * call on the connection; destroyed, the rest is thrown away as it comes.
 */
export class CopyFramesOut extends Readable {
  /** `pg` looks at these two of every query. */
  readonly name = '';
  readonly text: string;
  /** Rows that have begun to come. */
  rowCount = 0;
  #wire: CopyWire | undefined;
  #parser: Parser | undefined;
  /** Bytes of the message under way that are still to come; of its header at least the first byte has come. */
  #rest = 0;
  /** The beginning of a header that is cut. */
  #header: number[] = [];
  #isRow = false;

  constructor(text: string) {
    super();
    this.text = text;
  }

  submit(wire: CopyWire): undefined {
    const [parser, ...others] = wire.stream.listeners('data') as Parser[];
    if (parser === undefined || others.length > 0)
      throw new Error('The connection is read by somebody else.');
    this.#wire = wire;
    this.#parser = parser;
    wire.stream.removeListener('data', parser);
    wire.stream.on('data', this.#take);
    wire.query(this.text);
    return undefined;
  }

  override _read(): void {
    if (this.#parser !== undefined) this.#wire?.stream.resume();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#parser !== undefined) this.#wire?.stream.resume();
    done(error);
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.push(null);
  }

  handleError(error: Error): void {
    this.#giveBack();
    this.destroy(error);
  }

  readonly #take = (chunk: Buffer): void => {
    let from = 0;
    let at = 0;
    for (;;) {
      const step = Math.min(this.#rest, chunk.length - at);
      at += step;
      this.#rest -= step;
      if (at === chunk.length) break;
      if (this.#header.length > 0) {
        this.#header.push(chunk[at] as number);
        at++;
        if (this.#header.length < HEADER_BYTES) continue;
        this.#rest = contentBytes(Buffer.from(this.#header), 0);
        this.#header = [];
        if (this.#rest < 0) {
          this.#refuse();
          return;
        }
        continue;
      }
      const type = chunk[at] as number;
      const isRow = type === COPY_DATA;
      if (isRow !== this.#isRow) {
        this.#pass(chunk.subarray(from, at));
        from = at;
        this.#isRow = isRow;
      }
      if (isRow) {
        this.rowCount++;
      } else if (type === COPY_DONE || type === ERROR) {
        // From here on `pg` reads for itself.
        const parser = this.#giveBack();
        parser?.(chunk.subarray(from));
        return;
      }
      if (chunk.length - at >= HEADER_BYTES) {
        const bytes = contentBytes(chunk, at);
        if (bytes < 0) {
          this.#refuse();
          return;
        }
        this.#rest = HEADER_BYTES + bytes;
      } else {
        this.#header = [...chunk.subarray(at)];
        at = chunk.length;
      }
    }
    this.#pass(chunk.subarray(from));
  };

  /** Where the next message begins is not known any more. */
  #refuse(): void {
    this.#giveBack();
    this.#wire?.stream.destroy();
    this.destroy(brokenMessage());
  }

  #pass(bytes: Buffer): void {
    if (bytes.length === 0) return;
    if (!this.#isRow) this.#parser?.(bytes);
    else if (!this.destroyed && !this.push(bytes)) this.#wire?.stream.pause();
  }

  #giveBack(): Parser | undefined {
    const parser = this.#parser;
    if (parser === undefined || this.#wire === undefined) return undefined;
    this.#parser = undefined;
    this.#wire.stream.removeListener('data', this.#take);
    this.#wire.stream.on('data', parser);
    this.#wire.stream.resume();
    return parser;
  }
}

/** What a `copy … from stdin` takes: messages of rows as `CopyFramesOut` gives them. The server has all of them at 'finish'. */
export class CopyFramesIn extends Writable {
  readonly name = '';
  readonly text: string;
  #wire: CopyWire | undefined;
  #isAsked = false;
  #isOver = false;
  /** What waits until the server asks. */
  #waiting: (() => void) | undefined;
  #done: ((error?: Error | null) => void) | undefined;
  /** Bytes of the message under way that are not sent yet, and the beginning of a header that is cut. */
  #rest = 0;
  #header: number[] = [];

  constructor(text: string) {
    super();
    this.text = text;
  }

  submit(wire: CopyWire): undefined {
    this.#wire = wire;
    wire.query(this.text);
    return undefined;
  }

  handleCopyInResponse(): void {
    this.#isAsked = true;
    if (this.destroyed) this.#wire?.sendCopyFail('given up');
    this.#waiting?.();
  }

  handleCommandComplete(): void {}

  handleReadyForQuery(): void {
    this.#isOver = true;
    this.#done?.();
  }

  handleError(error: Error): void {
    this.#isOver = true;
    this.#endMessage();
    if (this.#done === undefined) this.destroy(error);
    else this.#done(error);
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#whenAsked((wire) => {
      // After an error the server takes no more.
      if (this.#isOver) return done();
      if (!this.#walk(chunk)) {
        this.#isOver = true;
        wire.stream.destroy();
        return done(brokenMessage());
      }
      if (wire.stream.write(chunk)) done();
      else wire.stream.once('drain', () => done());
    });
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#whenAsked((wire) => {
      this.#done = done;
      wire.endCopyFrom();
    });
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (this.#isAsked && !this.#isOver) {
      this.#endMessage();
      this.#wire?.sendCopyFail(error?.message ?? 'given up');
    }
    done(error);
  }

  /** Notes where in a message the server is after a chunk. False when that is not known. */
  #walk(chunk: Buffer): boolean {
    let at = 0;
    while (at < chunk.length) {
      if (this.#rest > 0) {
        const step = Math.min(this.#rest, chunk.length - at);
        at += step;
        this.#rest -= step;
      } else if (this.#header.length === 0 && chunk.length - at >= HEADER_BYTES) {
        const bytes = contentBytes(chunk, at);
        if (bytes < 0) return false;
        this.#rest = HEADER_BYTES + bytes;
      } else {
        this.#header.push(chunk[at] as number);
        at++;
        if (this.#header.length < HEADER_BYTES) continue;
        this.#rest = contentBytes(Buffer.from(this.#header), 0);
        this.#header = [];
        if (this.#rest < 0) return false;
      }
    }
    return true;
  }

  /** What is sent next would be taken for the rest of a row that is cut: its length is kept, though nobody wants it any more. */
  #endMessage(): void {
    let rest = this.#rest;
    this.#rest = 0;
    if (this.#header.length > 0) {
      const missing = SHORTEST_HEADER.slice(this.#header.length);
      this.#wire?.stream.write(Buffer.from(missing));
      rest = contentBytes(Buffer.from([...this.#header, ...missing]), 0);
      this.#header = [];
    }
    if (rest > LONGEST_REST) {
      this.#wire?.stream.destroy();
      return;
    }
    for (; rest > 0; rest -= PADDING.length) this.#wire?.stream.write(PADDING.subarray(0, rest));
  }

  #whenAsked(work: (wire: CopyWire) => void): void {
    const begin = () => this.#wire !== undefined && work(this.#wire);
    if (this.#isAsked) begin();
    else this.#waiting = begin;
  }
}

/** Bytes behind the header that begins at `at`; negative when the header is broken. */
function contentBytes(bytes: Buffer, at: number): number {
  // The length counts itself and not the type.
  return bytes.readInt32BE(at + 1) - (HEADER_BYTES - 1);
}

function brokenMessage(): ReplicateError {
  return new ReplicateError('PC203', 'A message of COPY has a length that cannot be.');
}
