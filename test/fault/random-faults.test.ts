import { expect, test } from 'vitest';
import { Campaign, type CampaignResult, summaryLine, totalsLine } from './harness/campaign.js';
import { makeSchedule } from './harness/make-schedule.js';

/** Two schedules in CI. `npm run test:fault`: FAULT_RUNS of them, the first of FAULT_SEED; `npm run test:soak`: as many as fit into SOAK_MINUTES. */
const RUNS = Number(process.env['FAULT_RUNS'] ?? 2);
const SEED = Number(process.env['FAULT_SEED'] ?? Date.now() % 1_000_000_000);
const SOAK_MS = Number(process.env['SOAK_MINUTES'] ?? 0) * 60_000;
const LIMIT_OF_ONE_MS = 300_000;

test(`random faults lose, double and tear nothing (seeds from ${SEED})`, {
  timeout: SOAK_MS + (RUNS + 1) * LIMIT_OF_ONE_MS,
}, async () => {
  await using campaign = new Campaign({ resultsPath: process.env['FAULT_RESULTS'] });
  const results: CampaignResult[] = [];
  const failed: string[] = [];
  const deadline = performance.now() + SOAK_MS;
  for (let no = 0; SOAK_MS > 0 ? performance.now() < deadline : no < RUNS; no++) {
    const result = await campaign.run(makeSchedule(SEED + no), { isLast: no === RUNS - 1 });
    results.push(result);
    const line = summaryLine(result);
    process.stdout.write(`${line}\n`);
    if (result.violations.length > 0) failed.push(`${line}\n${result.journal.join('\n')}`);
  }
  process.stdout.write(`${totalsLine(results)}\n`);
  expect(failed).toEqual([]);
});
