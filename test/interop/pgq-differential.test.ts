const DBG = 700;
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { API_CALLS } from './api-calls.js';
import { answerOf, openStockAndOurs, type StockAndOurs } from './stock-and-ours.js';
import { whyNoStockPackages } from './stock-server.js';

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
    console.log(differences.map((d: any) => "S> " + d.sql.replace(/\s+/g," ").slice(0,150) + "\n  stock " + text(d.stock).slice(0,DBG) + "\n  ours  " + text(d.ours).slice(0,DBG)).join("\n"));
    expect(differences).toEqual([]);
    expect(API_CALLS.length).toBeGreaterThanOrEqual(200);
  });
});

function text(answer: unknown): string {
  return JSON.stringify(answer, (_key, value) => (typeof value === 'bigint' ? `${value}` : value));
}
