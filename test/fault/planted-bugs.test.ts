import { expect, test } from 'vitest';
import { Campaign, summaryLine } from './harness/campaign.js';
import { makeSchedule } from './harness/make-schedule.js';
import { PLANTED_BUGS, plant } from './harness/planted-build.js';

/** The proof of the harness itself, which takes minutes: `npm run test:planted`. A bug that only some fault shows is looked for in the schedules of the first seeds that have it. */
const isWanted = process.env['FAULT_PLANTED'] !== undefined;
const SEED = Number(process.env['FAULT_SEED'] ?? 1);
const LIMIT_MS = 60_000;

test.runIf(isWanted).each(PLANTED_BUGS)(
  '$name is caught within a minute',
  { timeout: 400_000 },
  async (bug) => {
    await using build = await plant(bug);
    await using campaign = new Campaign({ bin: build.bin });
    await campaign.open();
    const startedAt = performance.now();
    const seconds = () => (performance.now() - startedAt) / 1000;
    let caughtAt: number | undefined;
    for (let seed = SEED; caughtAt === undefined && seconds() * 1000 < LIMIT_MS; seed++) {
      const schedule = makeSchedule(seed);
      const { shownBy } = bug;
      if (shownBy !== undefined && !schedule.steps.some(({ fault }) => shownBy(fault))) continue;
      const result = await campaign.run(schedule, {
        onViolation: () => {
          caughtAt ??= seconds();
        },
      });
      process.stdout.write(`${bug.name}: ${summaryLine(result)}\n`);
    }
    process.stdout.write(`${bug.name}: caught after ${caughtAt?.toFixed(1)} s\n`);
    expect(caughtAt).toBeDefined();
  },
);
