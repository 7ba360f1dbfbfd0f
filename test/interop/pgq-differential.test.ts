import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Connection } from '../../src/db/connection.js';
import { whyNoStockPackages } from '../support/stock-server.js';
import { API_CALLS } from './api-calls.js';
import { answerOf, openStockAndOurs, type StockAndOurs } from './stock-and-ours.js';
import { statementsOf, TRIGGER_CASES, TRIGGER_FUNCTIONS, TRIGGER_SETUP } from './trigger-cases.js';

const reason = whyNoStockPackages();
const title = 'pgq beside the stock extension';

describe.skipIf(reason !== undefined)(reason === undefined ? title : `${title}: SKIPPED, ${reason}`, () => {
  let both: StockAndOurs;
  beforeAll(async () => {
    both = await openStockAndOurs();
  });
  afterAll(async () => {
    await both[Symbol.asyncDispose]();
  });

  test('every call has the same answer on the stock extension and on ours, or is on the list', async () => {
    const differences: unknown[] = [];
    for (const { sql, differs } of API_CALLS) {
      const stock = await answerOf(both.stock, sql);
      const ours = await answerOf(both.ours, sql);
      const isSame = text(stock) === text(ours);
      if (isSame !== (differs === undefined)) differences.push({ sql, stock, ours });
    }
    expect(differences).toEqual([]);
    expect(API_CALLS.length).toBeGreaterThanOrEqual(200);
  });

  test('every trigger writes the same events and raises the same errors, or is on the list', async () => {
    await both.stock.execute(TRIGGER_SETUP);
    await both.ours.execute(TRIGGER_SETUP);
    const differences: unknown[] = [];
    const seen = new Set<string>();
    for (const triggerCase of TRIGGER_CASES) {
      for (const triggerFunction of TRIGGER_FUNCTIONS) {
        const statements = statementsOf(triggerCase, triggerFunction);
        const outcome = async (connection: Connection) =>
          (
            await connection.query<{ line: string }>('select line from public.outcome($1) as line', [
              statements,
            ])
          ).map(({ line }) => line);
        await Promise.all([both.stock, both.ours].map((connection) => connection.execute('begin')));
        const stock = await outcome(both.stock);
        const ours = await outcome(both.ours);
        await Promise.all([both.stock, both.ours].map((connection) => connection.execute('rollback')));
        for (const line of ours) seen.add(line);
        const isSame = text(stock) === text(ours);
        if (isSame !== (triggerCase.differs === undefined)) {
          differences.push({ triggerFunction, triggerCase, stock, ours });
        }
      }
    }
    expect(differences).toEqual([]);
    // They did fire: events of all kinds and errors, and few of them equal.
    expect(seen.size).toBeGreaterThan(300);
  });
});

function text(answer: unknown): string {
  return JSON.stringify(answer, (_key, value) => (typeof value === 'bigint' ? `${value}` : value));
}
