import { describe, expect, test } from 'vitest';
import { installSchemas } from '../../src/install/install-schemas.js';
import { dropOverBudget, readDropped, readRetention } from '../../src/queue/retention.js';
import { whyNoStockPackages } from '../support/stock-server.js';
import { openStockAndOurs } from './stock-and-ours.js';

const reason = whyNoStockPackages();
const title = 'a budget on the stock extension';

describe.skipIf(reason !== undefined)(reason === undefined ? title : `${title}: SKIPPED, ${reason}`, () => {
  test('what is held back is seen, and a consumer over the budget is dropped', async () => {
    await using both = await openStockAndOurs();
    const { stock } = both;
    await installSchemas(stock);
    expect(await stock.query("select from pg_extension where extname = 'pgq'")).toHaveLength(1);
    await stock.query("select pgq.create_queue('q')");
    await stock.query("update pgq.queue set queue_ticker_max_lag = '0', queue_ticker_idle_period = '0'");
    await stock.query("select pgq.insert_event('q', 't', 'first')");
    await stock.query("select pgq.ticker('q')");
    await stock.query("select pgq.register_consumer('q', 'still')");
    await stock.query("select pgq.insert_event('q', 't', i::text) from generate_series(1, 20) as i");
    await stock.query("select pgq.ticker('q')");
    await stock.query("select pgq.register_consumer('q', 'brisk')");
    await stock.query("select pgcascade.set_queue_budget('q', 10, null, 'drop')");

    expect(await readRetention(stock, 'q')).toMatchObject([
      { consumer: 'brisk', events: 0n, bytes: 0n, share: 0 },
      { consumer: 'still', events: 20n, share: 2 },
    ]);
    expect(await dropOverBudget(stock, 'q', 'brisk')).toBe(false);
    expect(await dropOverBudget(stock, 'q', 'still')).toBe(true);
    expect(await stock.query('select consumer_name from pgq.get_consumer_info()')).toEqual([
      { consumer_name: 'brisk' },
    ]);
    expect(await readDropped(stock, 'q')).toMatchObject([{ consumer: 'still', node: null }]);
  });
});
