import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Connection, Row } from '../../../src/db/connection.js';
import { BudgetWatch, levelOf } from '../../../src/ticker/budget-watch.js';

type Share = readonly [consumer: string, share: number];

/** A watch over a database with one queue; `look` gives it what the database says then and returns the log since. */
function openWatch(action: 'warn' | 'drop' = 'warn', isDropped = true) {
  const lines: { level: number; msg: string; consumer: string }[] = [];
  const watch = new BudgetWatch(pino({}, { write: (line: string) => void lines.push(JSON.parse(line)) }));
  const look = async (...shares: Share[]): Promise<string[]> => {
    const connection = {
      async query<R extends Row>(sql: string): Promise<R[]> {
        const rows: Row[] = sql.includes('queue_budget')
          ? [{ queue_name: 'q', max_events: 100n, max_bytes: null, action }]
          : shares.map(([name, share]) => ({
              consumer_name: name,
              node_name: null,
              is_system: name.startsWith('.'),
              last_tick: 1n,
              lag: 1,
              pending_events: 1n,
              held_bytes: 1n,
              share,
              holds_rotation: false,
            }));
        return rows as R[];
      },
      async one<R extends Row>(sql: string): Promise<R> {
        return (sql.includes('drop_over_budget') ? { dropped: isDropped } : { has: true }) as unknown as R;
      },
    } as unknown as Connection;
    const before = lines.length;
    await watch.look(connection);
    return lines.slice(before).map(({ level, msg, consumer }) => {
      const what = /(\d+) %/.exec(msg)?.[1] ?? (msg.includes('dropped') ? 'dropped' : 'over');
      return `${level >= 50 ? 'error' : 'warn'} ${consumer} ${what}`;
    });
  };
  return look;
}

test('each part of the budget is told once when it is crossed, and again after the consumer was below it', async () => {
  const look = openWatch();
  expect(await look(['a', 0.5])).toEqual([]);
  expect(await look(['a', 0.51])).toEqual(['warn a 50']);
  expect(await look(['a', 0.79])).toEqual([]);
  expect(await look(['a', 0.81])).toEqual(['warn a 80']);
  expect(await look(['a', 0.6])).toEqual([]);
  expect(await look(['a', 0.9])).toEqual(['warn a 80']);
  expect(await look(['a', 1.2])).toEqual(['error a over']);
  expect(await look(['a', 2])).toEqual([]);
  expect(await look(['a', 0])).toEqual([]);
  expect(await look(['a', 3])).toEqual(['error a over']);
});

test('consumers are told of one by one, and one that came back anew', async () => {
  const look = openWatch();
  expect(await look(['a', 0.6], ['b', 0.9])).toEqual(['warn a 50', 'warn b 80']);
  expect(await look(['b', 0.9])).toEqual([]);
  expect(await look(['a', 0.6], ['b', 0.9])).toEqual(['warn a 50']);
});

test('a watermark is told of only when no consumer explains it, and is never dropped', async () => {
  const look = openWatch('drop');
  expect(await look(['.w', 0.6], ['a', 0.6])).toEqual(['warn a 50']);
  expect(await look(['.w', 0.9], ['a', 0.6])).toEqual(['warn .w 80']);
  expect(await look(['.w', 1.5], ['a', 0.6])).toEqual(['error .w over']);
});

test('with drop it says that the consumer is gone; one that could not be dropped is told of as over', async () => {
  expect(await openWatch('drop')(['a', 1.5], ['b', 0.2])).toEqual(['error a dropped']);
  const look = openWatch('drop', false);
  expect(await look(['a', 1.5])).toEqual(['error a over']);
  expect(await look(['a', 1.5])).toEqual([]);
});

test('the level of a share is the highest that it is over', () => {
  expect([null, 0, 0.5, 0.500001, 0.8, 0.81, 1, 1.01].map(levelOf)).toEqual([0, 0, 0, 50, 50, 80, 80, 100]);
});
