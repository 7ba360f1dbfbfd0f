import { describe, expect, test, vi } from 'vitest';
import { WrittenAhead } from '../../../src/apply/block-writer.js';
import type { TargetColumn, TargetTable } from '../../../src/apply/target-table.js';
import type { Connection } from '../../../src/db/connection.js';
import type { BatchOutcome, BatchStatement } from '../../../src/db/statement-batch.js';
import type { QueueEvent } from '../../../src/queue/event.js';
import { eventId } from '../../../src/queue/ids.js';
import { EventApplier, type EventApplierPorts } from '../../../src/worker/apply-events.js';

/** A message to the subscriber that the test answers. */
interface Message {
  readonly statements: readonly BatchStatement[];
  answer(outcome: BatchOutcome): void;
}

const id: TargetColumn = {
  name: 'id',
  typeSql: 'pg_catalog.int4',
  storedTypeSql: 'integer',
  isJson: false,
  collateSql: '',
  equalsSql: 'operator(pg_catalog.=)',
  hasExactText: true,
  isGenerated: false,
  identity: 'none',
  isNotNull: true,
  list: undefined,
};

function tableOf(name: string): TargetTable {
  return {
    queueTable: name,
    destTable: name,
    nameSql: name,
    oid: 1n,
    relkind: 'r',
    columns: [id],
    uniqueKeys: [['id']],
    canCopy: true,
  };
}

function insert(table: string, n: number): QueueEvent {
  const type = JSON.stringify({ op: 'INSERT', table: table.split('.'), pkey: ['id'] });
  const data = `{"id":${n}}`;
  return {
    ...{ id: eventId(BigInt(n)), txid: 1n, type, data, extra1: table },
    ...{ extra2: null, extra3: null, extra4: null },
  };
}

function open({ overlaps = false } = {}) {
  const messages: Message[] = [];
  const parked = new Set<string>();
  const tables = new Map<string, TargetTable>();
  const tx = {
    executeTogether: (statements: readonly BatchStatement[]) =>
      new Promise<BatchOutcome>((answer) => {
        messages.push({ statements, answer });
      }),
    execute: () => Promise.resolve(0),
  } as unknown as Connection;
  const registry = {
    isPlain: () => true,
    target: (_: Connection, name: string) => {
      const table = tables.get(name) ?? tableOf(name);
      tables.set(name, table);
      return Promise.resolve(table);
    },
    rewrite: () => undefined,
    forgetTarget: () => undefined,
    conflictPolicy: () => 'park',
  };
  const applier = new EventApplier({
    queueName: 'q',
    tx,
    registry,
    bulkRows: 50,
    overlaps,
    isApplied: (name: string) => !parked.has(name),
    taken: { has: () => false, write: () => Promise.resolve(0), finish: () => Promise.resolve() },
    controlEvents: undefined,
    park: ({ queueTable }: { queueTable: string }) => Promise.resolve(void parked.add(queueTable)),
    noteScript: () => undefined,
  } as unknown as EventApplierPorts);
  return { applier, messages, parked };
}

const allDone = (message: Message | undefined) =>
  message?.answer({
    counts: message.statements.map(({ text }) => (text.startsWith('insert') ? 1 : 0)),
    error: undefined,
  });
const inserted = ({ statements }: Message) =>
  statements.flatMap(({ text, values }) => (text.startsWith('insert') ? values : []));

test('a block is under way when the next one is given, and counts when it is written', async () => {
  const { applier, messages } = open();
  await applier.apply([insert('public.a', 1)]);
  expect(messages.map(inserted)).toEqual([['[{"id":1}]']]);
  expect(applier.applied).toBe(0);
  const second = applier.apply([insert('public.a', 2)]);
  await new Promise((done) => setImmediate(done));
  expect(messages).toHaveLength(1);
  allDone(messages[0]);
  await second;
  expect(applier.applied).toBe(1);
  allDone(messages[1]);
  await applier.settle();
  expect(applier.applied).toBe(2);
  expect(messages.map(inserted)).toEqual([['[{"id":1}]'], ['[{"id":2}]']]);
});

test('what was planned before a table was parked is planned again without it', async () => {
  const { applier, messages, parked } = open();
  await applier.apply([insert('public.a', 1), insert('public.b', 2)]);
  const second = applier.apply([insert('public.a', 3), insert('public.b', 4)]);
  const refused = Object.assign(new Error('duplicate'), { code: '23505' });
  // The block, then table a, which is refused in each of its ways, then table b.
  for (let at = 0; !parked.has('public.a'); at++) {
    await vi.waitFor(() => expect(messages.length).toBeGreaterThan(at));
    const message = messages[at] as Message;
    const refusedAt = message.statements.findIndex(({ text }) => text.startsWith('insert into public.a'));
    if (refusedAt < 0) allDone(message);
    else message.answer({ counts: message.statements.slice(0, refusedAt).map(() => 0), error: refused });
    await new Promise((done) => setImmediate(done));
  }
  await second;
  expect(inserted(messages.at(-1) as Message)).toEqual(['[{"id":4}]']);
  expect(applier.applied).toBe(1);
});

test('what is under way is waited for before the transaction is left', async () => {
  const { applier, messages } = open();
  await applier.apply([insert('public.a', 1)]);
  let isLeft = false;
  const left = applier[Symbol.asyncDispose]().then(() => {
    isLeft = true;
  });
  await new Promise((done) => setImmediate(done));
  expect(isLeft).toBe(false);
  messages[0]?.answer({ counts: [], error: new Error('lost') });
  await left;
});

test('what is to be done meanwhile has the transaction for itself', async () => {
  const { applier, messages } = open();
  const done: string[] = [];
  await applier.apply([insert('public.a', 1)]);
  const second = applier.apply([insert('public.a', 2)], () => Promise.resolve(void done.push('second')));
  await new Promise((next) => setImmediate(next));
  expect(done).toEqual([]);
  allDone(messages[0]);
  await second;
  expect(done).toEqual(['second']);
  const empty = applier.apply([], () => Promise.resolve(void done.push('third')));
  allDone(messages[1]);
  await empty;
  expect(done).toEqual(['second', 'third']);
});

describe('a block that is sent while the one before is under way', () => {
  const REFUSED = Object.assign(new Error('duplicate'), { code: '23505' });
  const IN_ERROR = Object.assign(new Error('current transaction is aborted'), { code: '25P02' });
  const answered = async (messages: readonly Message[], count: number) => {
    await vi.waitFor(() => expect(messages.length).toBeGreaterThanOrEqual(count));
  };

  test('is written when that one is', async () => {
    const { applier, messages } = open({ overlaps: true });
    await applier.apply([insert('public.a', 1)]);
    const second = applier.apply([insert('public.a', 2)]);
    await answered(messages, 2);
    expect(messages[1]?.statements.map(({ text }) => text).slice(0, 2)).toEqual([
      'release savepoint pgc_block',
      'savepoint pgc_block',
    ]);
    allDone(messages[0]);
    await second;
    expect(applier.applied).toBe(1);
    allDone(messages[1]);
    await applier.settle();
    expect(applier.applied).toBe(2);
  });

  test('is sent again, without the table that is parked, when that one was refused', async () => {
    const { applier, messages, parked } = open({ overlaps: true });
    await applier.apply([insert('public.a', 1), insert('public.b', 2)]);
    const second = applier.apply([insert('public.a', 3), insert('public.b', 4)]);
    await answered(messages, 2);
    messages[0]?.answer({ counts: [0], error: REFUSED });
    messages[1]?.answer({ counts: [], error: IN_ERROR });
    for (let at = 2; !parked.has('public.a'); at++) {
      await answered(messages, at + 1);
      const message = messages[at] as Message;
      if (inserted(message).some((rows) => rows?.includes('"id":1') === true)) {
        message.answer({ counts: [0], error: REFUSED });
      } else {
        allDone(message);
      }
      await new Promise((done) => setImmediate(done));
    }
    await vi.waitFor(() => expect(messages.map(inserted).at(-1)).toEqual(['[{"id":4}]']));
    allDone(messages.at(-1));
    await second;
    await applier.settle();
    expect(applier.applied).toBe(2);
    expect([...parked]).toEqual(['public.a']);
  });

  test('is rolled back with that one when that one touched too few rows', async () => {
    const { applier, messages } = open({ overlaps: true });
    await applier.apply([insert('public.a', 1)]);
    const second = applier.apply([insert('public.a', 2)]);
    await answered(messages, 2);
    messages[0]?.answer({ counts: [0, 0], error: undefined });
    await expect(second).rejects.toBeInstanceOf(WrittenAhead);
    allDone(messages[1]);
    await applier[Symbol.asyncDispose]();
    expect(messages).toHaveLength(2);
  });
});
