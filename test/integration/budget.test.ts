import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CommandNode, openPair } from './command-node.js';

let pair: Awaited<ReturnType<typeof openPair>>;
let root: CommandNode;
let leaf: CommandNode;

beforeAll(async () => {
  pair = await openPair(10, 18);
  ({ root, leaf } = pair);
});

afterAll(async () => {
  await pair?.[Symbol.asyncDispose]();
});

async function stored(): Promise<unknown> {
  const [row] = await root.query('select max_events, max_bytes, action from pgcascade.queue_budget');
  return row;
}

test('budget shows what is set, keeps what is not named, and takes limits away', async () => {
  expect((await root.must('budget'))[0]).toBe('The queue "app" has no budget.');
  expect((await root.must('budget', [], { maxEvents: '5000', onExceed: 'drop' }))[0]).toBe(
    'A consumer of the queue "app" may hold back 5000 events; one that is over it is dropped and needs a resync.',
  );
  await root.must('budget', [], { maxBytes: '20GB' });
  expect(await stored()).toEqual({ max_events: 5000n, max_bytes: 21_474_836_480n, action: 'drop' });
  expect((await root.must('budget', [], { onExceed: 'warn' }))[0]).toBe(
    'A consumer of the queue "app" may hold back 5000 events and 20.0 GB; one that is over it is warned about.',
  );
  const lines = await root.must('budget');
  expect(lines.some((line) => /^leaf_worker +\d+ .*\d+ %/.test(line))).toBe(true);
  await root.must('budget', [], { maxEvents: 'none', maxBytes: 'none' });
  expect(await stored()).toBeUndefined();
});

test.each([
  [{ maxEvents: '0' }, '--max-events=0 is neither'],
  [{ maxEvents: '1e6' }, '--max-events=1e6 is neither'],
  [{ maxBytes: 'much' }, '--max-bytes=much is neither'],
  [{ onExceed: 'explode' }, '--on-exceed=explode is neither'],
  [{ onExceed: 'drop' }, '--on-exceed needs a limit'],
])('budget with %j is refused and sets nothing', async (options, message) => {
  expect(await root.run('budget', [], options)).toMatchObject({
    exitCode: 1,
    code: 'PC100',
    message: expect.stringContaining(message),
  });
  expect(await stored()).toBeUndefined();
});

test('a leaf has no budget of its own, and a queue that is not there has none', async () => {
  expect(await leaf.run('budget')).toMatchObject({
    code: 'PC303',
    message: expect.stringContaining('"root"'),
  });
  expect(await root.with({ queueName: 'nope' }).run('budget')).toMatchObject({ code: 'PC302' });
});

test('status --json has what every consumer of a provider holds back, and none of a leaf', async () => {
  const { entries } = JSON.parse((await root.must('status', [], { json: true })).join('\n')) as {
    entries: { name: string; retention: { consumers: { consumer: string }[] } | null }[];
  };
  const of = (name: string) => entries.find((entry) => entry.name === name)?.retention;
  expect(of('root')?.consumers.map(({ consumer }) => consumer)).toEqual([
    '.global_watermark',
    '.leaf.watermark',
    'leaf_worker',
  ]);
  expect(of('leaf')).toBeNull();
});
