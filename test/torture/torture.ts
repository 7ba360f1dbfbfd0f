import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CASES } from './cases/all-cases.js';
import { KNOWN_GAPS } from './known-gaps.js';
import type { TortureCase } from './torture-case.js';
import { openTorturePair, type TickAfter, type TorturePair } from './torture-pair.js';

/** All cases are run before the first test. */
const SETUP_TIMEOUT_MS = 600_000;

export interface TortureOptions {
  /** Others than those of all version pairs. */
  readonly all?: readonly TortureCase[];
  /** Of the root's database; UTF8 when it is not given. The leaf's is UTF8. */
  readonly rootEncoding?: string;
  /** Every row is written in the way that many are. */
  readonly isBulk?: boolean;
  /** Left out unless PGCASCADE_TORTURE is set, as `npm run test:torture` does: all pairs together take six minutes. */
  readonly isExtra?: boolean;
}

/**
 * One test per case: what an application does on a root of version `from` arrives on a leaf of version `to` exactly.
 * PGCASCADE_TORTURE, a regular expression, picks cases by name.
 */
export function torture(
  from: number,
  to: number,
  tickAfter: TickAfter,
  { all = CASES, rootEncoding, isBulk = false, isExtra = false }: TortureOptions = {},
): void {
  const chosen = process.env['PGCASCADE_TORTURE'];
  const wanted = new RegExp(chosen ?? '', 'i');
  const cases = all.filter((candidate) => canRun(candidate, from, to) && wanted.test(candidate.name));

  const unknown = Object.keys(KNOWN_GAPS).filter((name) => !CASES.some((one) => one.name === name));
  if (unknown.length > 0) throw new Error(`No case has the name of these gaps: ${unknown.join(', ')}`);

  describe.skipIf(isExtra && chosen === undefined)(`from ${from} to ${to}, a tick after ${tickAfter}`, () => {
    let pair: TorturePair;

    beforeAll(async () => {
      pair = await openTorturePair(from, to, { rootEncoding, ini: isBulk ? ['bulk_rows = 1'] : [] });
      await pair.run(cases, tickAfter);
    }, SETUP_TIMEOUT_MS);

    afterAll(async () => {
      await pair?.[Symbol.asyncDispose]();
    });

    for (const one of cases) {
      // A test that fails is expected to: it says so when the case holds, and the gap is closed.
      const gap = KNOWN_GAPS[one.name];
      const isGap = gap !== undefined && (gap.on?.(from, to, tickAfter) ?? true);
      (isGap ? test.fails : test)(`replicated exactly: ${one.name}`, async () => {
        expect(await pair.problems(one)).toEqual([]);
      });
    }
  });
}

function canRun({ since = 10, rootSince = 10 }: TortureCase, from: number, to: number): boolean {
  return Math.min(from, to) >= since && from >= rootSince;
}
