import { env } from 'node:process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { QueueRun, type Step, type StepKind } from './interleavings-run.js';
import { takeSeats } from './interleavings-seats.js';
import { MAJORS, openQueue } from './queue-fixture.js';

/** More for a long run: PROPERTY_RUNS=3000. The seed that a failure prints goes into PROPERTY_SEED. */
const RUNS = Number(env['PROPERTY_RUNS'] ?? 12);
const SEED = env['PROPERTY_SEED'];
/** A failure is made smaller for so long, then the smallest so far is shown. */
const SHRINK_LIMIT_MS = 60_000;

/** How often each kind comes, in proportion. */
const WEIGHTS: Readonly<Record<StepKind, number>> = {
  write: 14,
  'write directly': 3,
  'ask for table': 2,
  begin: 6,
  'begin repeatable read': 5,
  commit: 7,
  rollback: 2,
  savepoint: 3,
  'rollback to savepoint': 2,
  'cut writer': 1,
  tick: 12,
  'force tick': 1,
  'begin ticking': 2,
  'tick of a snapshot': 2,
  'end ticking': 4,
  'rotate 1': 7,
  'begin rotate 1': 2,
  'end rotate 1': 2,
  'rotate 2': 7,
  'put back retries': 8,
  'open batch': 5,
  'read batch': 4,
  'retry event': 14,
  'finish batch': 5,
  'read a whole batch': 16,
  'consumer begins': 3,
  'consumer commits': 3,
  'consumer rolls back': 2,
  'cut consumer': 1,
  round: 6,
  register: 2,
  unregister: 1,
  'at the same time': 2,
};

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.oneof(
    ...Object.entries(WEIGHTS).map(([kind, weight]) => ({
      weight,
      arbitrary: fc.constant(kind as StepKind),
    })),
  ),
  fc.nat(3),
  fc.nat(7),
);
const steps = fc.array(step, { minLength: 1, maxLength: 120, size: 'max' });

for (const major of MAJORS) {
  test(
    `PostgreSQL ${major}: whatever sessions do in whatever order, each consumer gets each committed event once`,
    async () => {
      await using queue = await openQueue(major);
      const seats = await takeSeats(() => queue.open());
      let nr = 0;
      const property = fc.asyncProperty(steps, fc.boolean(), async (list, commits) => {
        await using run = await QueueRun.start(seats, `q${++nr}`);
        for (const each of list) await run.do(each);
        await run.finish(commits);
      });
      await fc.assert(property, {
        numRuns: RUNS,
        ...(SEED === undefined ? {} : { seed: Number(SEED) }),
        // A slow machine makes fewer runs, or shrinks less; only what is found is a failure.
        interruptAfterTimeLimit: RUNS * 3000 + SHRINK_LIMIT_MS,
      });
      expect(nr).toBeGreaterThan(0);
    },
    RUNS * 6000 + 2 * SHRINK_LIMIT_MS,
  );
}
