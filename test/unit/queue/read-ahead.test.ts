import { expect, test } from 'vitest';
import { readAhead } from '../../../src/queue/read-ahead.js';

/** Numbers, of which it notes the reading; stops before `stuckAt` until it is abandoned. */
class Source {
  readonly seen: string[] = [];
  readonly #abandoned = withResolvers();

  async *read(count: number, stuckAt?: number): AsyncGenerator<number, void, undefined> {
    try {
      for (let i = 1; i <= count; i++) {
        if (i === stuckAt) await this.#abandoned.promise;
        this.seen.push(`read ${i}`);
        yield i;
      }
      this.seen.push('end');
    } finally {
      this.seen.push('closed');
    }
  }

  readonly abandon = () => {
    this.seen.push('abandoned');
    this.#abandoned.reject(new Error('cut'));
  };
}

function withResolvers(): { promise: Promise<unknown>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise((_, fail) => {
    reject = fail;
  });
  promise.catch(() => undefined);
  return { promise, reject };
}

test('the next block is read while the caller works, not more, and all come in their order', async () => {
  const source = new Source();
  const blocks: number[] = [];
  for await (const block of readAhead(source.read(4), source.abandon)) {
    blocks.push(block);
    await new Promise(setImmediate);
    if (block < 4) expect(source.seen.at(-1)).toBe(`read ${block + 1}`);
  }
  expect(blocks).toEqual([1, 2, 3, 4]);
  expect(source.seen.slice(-2)).toEqual(['end', 'closed']);
  expect(source.seen).not.toContain('abandoned');
});

test('nothing comes of an empty source', async () => {
  const source = new Source();
  for await (const block of readAhead(source.read(0), source.abandon)) throw new Error(`block ${block}`);
  expect(source.seen).toEqual(['end', 'closed']);
});

test('a caller that fails ends a read that is under way', async () => {
  const source = new Source();
  const work = async () => {
    for await (const block of readAhead(source.read(5, 3), source.abandon)) {
      await new Promise(setImmediate);
      if (block === 2) throw new Error('no');
    }
  };
  await expect(work()).rejects.toThrow('no');
  expect(source.seen).toEqual(['read 1', 'read 2', 'abandoned', 'closed']);
});

test('a caller that fails at the last block cuts nothing', async () => {
  const source = new Source();
  const work = async () => {
    for await (const block of readAhead(source.read(2), source.abandon)) {
      await new Promise(setImmediate);
      if (block === 2) throw new Error('no');
    }
  };
  await expect(work()).rejects.toThrow('no');
  expect(source.seen).toEqual(['read 1', 'read 2', 'end', 'closed']);
});

test('an error of the source comes after the blocks before it', async () => {
  const source = new Source();
  const blocks: number[] = [];
  async function* failing(): AsyncGenerator<number, void, undefined> {
    yield* source.read(2);
    throw new Error('lost');
  }
  const work = async () => {
    for await (const block of readAhead(failing(), source.abandon)) {
      blocks.push(block);
      await new Promise(setImmediate);
    }
  };
  await expect(work()).rejects.toThrow('lost');
  expect(blocks).toEqual([1, 2]);
  expect(source.seen).not.toContain('abandoned');
});
