import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Campaign, summaryLine } from './harness/campaign.js';
import { parseSchedule, type Schedule } from './harness/schedule.js';
import { shrink } from './harness/shrink.js';

/** A schedule's JSON file: `FAULT_SCHEDULE=FILE npm run test:replay` runs it FAULT_RUNS times, with FAULT_SHRINK=1 it is shrunk into FILE.shrunk. */
const PATH = process.env['FAULT_SCHEDULE'];
/** One that fails only sometimes is taken as one that passes when it passes so often. */
const RUNS = Number(process.env['FAULT_RUNS'] ?? 3);
const SHRINKS = process.env['FAULT_SHRINK'] !== undefined;
const HOUR_MS = 3_600_000;

test.runIf(PATH !== undefined)(
  'a schedule that failed is run again, or shrunk',
  { timeout: 4 * HOUR_MS },
  async () => {
    const path = PATH as string;
    const schedule = parseSchedule(readFileSync(path, 'utf8'));
    await using campaign = new Campaign();
    const fails = async (candidate: Schedule) => {
      for (let no = 0; no < RUNS; no++) {
        const result = await campaign.run(candidate, { isLast: true });
        const journal = SHRINKS ? [] : result.journal;
        process.stdout.write(`${[...journal, summaryLine(result)].join('\n')}\n`);
        if (result.violations.length > 0) return true;
      }
      return false;
    };
    if (!SHRINKS) {
      expect(await fails(schedule)).toBe(false);
      return;
    }
    const steps = await shrink(schedule.steps, (candidate) => fails({ ...schedule, steps: candidate }));
    writeFileSync(`${path}.shrunk`, `${JSON.stringify({ ...schedule, steps }, null, 2)}\n`);
    process.stdout.write(`${steps.length} of ${schedule.steps.length} steps still fail: ${path}.shrunk\n`);
  },
);
