import { EventEmitter } from 'node:events';
import { Writable } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Connection } from '../../../src/db/connection.js';
import { CopyFramesIn, CopyFramesOut } from '../../../src/db/copy-frames.js';
import { ReplicateError } from '../../../src/errors/replicate-error.js';
import type { Batch } from '../../../src/queue/batches.js';
import { eventId } from '../../../src/queue/ids.js';
import { LargeEvents } from '../../../src/queue/large-events.js';
import { fuzz, SEED, seededRuns } from '../../support/fuzz.js';
import { cutAt, cuts, hostileText } from '../../support/hostile.js';

/** A message of the server. */
function message(type: string, content: Buffer): Buffer {
  const header = Buffer.from(`${type}....`);
  header.writeInt32BE(content.length + 4, 1);
  return Buffer.concat([header, content]);
}

/** A connection of the driver: what is written is kept, and it can be seen whether it was cut. */
class Wire {
  readonly stream = Object.assign(new EventEmitter(), {
    pause: () => undefined,
    resume: () => undefined,
    write: (chunk: Uint8Array) => this.written.push(Buffer.from(chunk)) > 0,
    destroy: () => {
      this.isCut = true;
    },
  });
  readonly written: Buffer[] = [];
  readonly parsed: Buffer[] = [];
  isCut = false;
  fails: string[] = [];

  constructor() {
    this.stream.on('data', (bytes: Buffer) => this.parsed.push(Buffer.from(bytes)));
  }

  query(): void {}
  endCopyFrom(): void {}
  sendCopyFail(text: string): void {
    this.fails.push(text);
  }
}

const contents = fc.oneof(
  fc.uint8Array({ maxLength: 12 }).map((all) => Buffer.from(all)),
  fc.nat(300).map((size) => Buffer.alloc(size, 'd')),
);
const rows = contents.map((content) => message('d', content));
const others = fc
  .tuple(fc.constantFrom('N', 'S', 'H'), contents)
  .map(([type, content]) => message(type, content));
const messages = fc.array(fc.oneof({ weight: 3, arbitrary: rows }, others), { maxLength: 8 });
const ends = fc.constantFrom(message('c', Buffer.alloc(0)), message('E', Buffer.from('SERROR\0\0')));

function readAll(out: CopyFramesOut): Buffer {
  const pieces: Buffer[] = [];
  for (let piece = out.read() as Buffer | null; piece !== null; piece = out.read() as Buffer | null)
    pieces.push(piece);
  return Buffer.concat(pieces);
}

fuzz(
  'rows go on as they are and all else goes to the driver, wherever the bytes are cut',
  [messages, ends, contents, cuts],
  (all, end, rest, at) => {
    const wire = new Wire();
    const out = new CopyFramesOut('');
    out.submit(wire);
    const pieces = [...cutAt<Buffer>(Buffer.concat([...all, end]), at)];
    for (const piece of pieces) wire.stream.emit('data', piece);
    wire.stream.emit('data', rest);
    const isRow = (one: Buffer) => one.toString('latin1', 0, 1) === 'd';
    expect(readAll(out)).toEqual(Buffer.concat(all.filter(isRow)));
    expect(Buffer.concat(wire.parsed)).toEqual(
      Buffer.concat([...all.filter((one) => !isRow(one)), end, rest]),
    );
    expect(out.rowCount).toBe(all.filter(isRow).length);
  },
);

fuzz(
  'bytes that are no messages cut the connection, or go on',
  [
    fc.array(
      fc.oneof(
        rows,
        others,
        contents,
        fc
          .constantFrom(
            'd\0\0\0\0',
            'd\0\0\0\x03',
            'd\xff\xff\xff\xff',
            'N\xff\xff\xff\xfb',
            'd\x7f\xff\xff\xff',
          )
          .map((all) => Buffer.from(all, 'latin1')),
      ),
      { maxLength: 6 },
    ),
    cuts,
  ],
  (all, at) => {
    const wire = new Wire();
    const out = new CopyFramesOut('');
    out.on('error', () => undefined);
    out.submit(wire);
    const taken = new CopyFramesIn('');
    taken.on('error', () => undefined);
    const target = new Wire();
    taken.submit(target);
    taken.handleCopyInResponse();
    for (const piece of cutAt<Buffer>(Buffer.concat(all), at)) {
      if (!wire.isCut) wire.stream.emit('data', piece);
      if (!target.isCut) taken.write(piece);
    }
    expect(wire.isCut).toBe(out.errored !== null);
    expect(out.errored?.message ?? '').toMatch(/^(?:|A message of COPY .*)$/);
    if (target.isCut) expect(taken.errored).toBeInstanceOf(ReplicateError);
    else expect(Buffer.concat(target.written)).toEqual(Buffer.concat(all));
  },
  {
    examples: [
      [[Buffer.from([100, 255, 255, 255, 255])], []],
      [[Buffer.from([100, 255, 255, 255, 250])], [2]],
    ],
  },
);

fuzz(
  'what the server has is whole messages, wherever the rows are given up',
  [fc.array(rows, { maxLength: 5 }), cuts, fc.nat()],
  (all, at, end) => {
    const wire = new Wire();
    const taken = new CopyFramesIn('');
    taken.on('error', () => undefined);
    taken.submit(wire);
    taken.handleCopyInResponse();
    const bytes = Buffer.concat(all);
    const given = bytes.subarray(0, end % (bytes.length + 1));
    for (const piece of cutAt<Buffer>(given, at)) taken.write(piece);
    taken.destroy(new Error('no more'));
    const written = Buffer.concat(wire.written);
    expect(written.subarray(0, given.length)).toEqual(given);
    let from = 0;
    while (from < written.length) {
      expect(written.toString('latin1', from, from + 1)).toBe('d');
      from += 1 + written.readInt32BE(from + 1);
    }
    expect([from, wire.isCut]).toEqual([written.length, false]);
  },
);

/** Large events as COPY sends them, in pieces. */
function eventsOf(pieces: readonly Buffer[]): LargeEvents {
  const connection = {
    one: async () => ({ sql: '' }),
    copyTo: () => ({
      async *[Symbol.asyncIterator]() {
        yield* pieces;
      },
    }),
    destroy: () => undefined,
  };
  return new LargeEvents(async () => connection as unknown as Connection, { id: 1n } as unknown as Batch);
}

async function readEvent(events: LargeEvents, id: bigint): Promise<string> {
  const pieces: Buffer[] = [];
  const target = new Writable({
    write(chunk: Buffer, _, done) {
      pieces.push(chunk);
      done();
    },
  });
  await events.writeTo(target, eventId(id));
  return Buffer.concat(pieces).toString();
}

const data = hostileText.map((all) => all.replaceAll(/[\n\r]/g, ' '));

test('large events come whole, in the order of the queue, wherever the bytes are cut', async () => {
  const lines = fc.array(fc.tuple(data, fc.boolean()), { maxLength: 5 });
  await fc.assert(
    fc.asyncProperty(lines, cuts, async (all, at) => {
      const written = all.map(([content], i) => `${i + 1}\t${content}\t\\N\n`);
      await using events = eventsOf(cutAt<Buffer>(Buffer.from(written.join('')), at));
      for (const [i, [, isWanted]] of all.entries()) {
        if (isWanted) expect(await readEvent(events, BigInt(i + 1))).toBe(written[i]);
      }
      await expect(readEvent(events, 99n)).rejects.toMatchObject({ code: 'PC203' });
    }),
    { numRuns: seededRuns(0.3), seed: SEED },
  );
});

test('bytes that are no events are refused', async () => {
  const bytes = fc
    .oneof(hostileText, fc.constantFrom('1\ta\n2', 'x\ta\n', '\t\n', '0x1\ta\n'))
    .map((all) => Buffer.from(all));
  await fc.assert(
    fc.asyncProperty(bytes, cuts, async (all, at) => {
      await using events = eventsOf(cutAt<Buffer>(all, at));
      const found = await readEvent(events, 2n).catch((error: unknown) => error);
      if (typeof found === 'string') expect(found).toMatch(/^0*2\t[^\n]*\n$/);
      else
        expect(found).toSatisfy(
          (error) => error instanceof ReplicateError && ['PC203', 'PC404'].includes(error.code),
        );
    }),
    { numRuns: seededRuns(0.3), seed: SEED },
  );
});
