import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CASES } from './cases/all-cases.js';
import type { TortureCase } from './torture-case.js';
import { openTorturePair, type TickAfter, type TorturePair } from './torture-pair.js';

/**
 * One test per case: what an application does on a root of version `from` arrives on a leaf of version `to` exactly.
 * PGCASCADE_TORTURE, a regular expression, picks cases by name.
 */
export function torture(from: number, to: number, tickAfter: TickAfter): void {
  const wanted = new RegExp(process.env['PGCASCADE_TORTURE'] ?? '', 'i');
  const cases = CASES.filter((candidate) => canRun(candidate, from, to) && wanted.test(candidate.name));

  describe(`from ${from} to ${to}, a tick after ${tickAfter}`, () => {
    let pair: TorturePair;

    beforeAll(async () => {
      pair = await openTorturePair(from, to);
      await pair.run(cases, tickAfter);
    });

    afterAll(async () => {
      await pair?.[Symbol.asyncDispose]();
    });

    for (const one of cases) {
      const { name, knownGap } = one;
      const isGap = knownGap !== undefined && (knownGap.on?.(from, to) ?? true);
      (isGap ? test.fails : test)(`replicated exactly: ${name}`, async () => {
        expect(await pair.problems(one)).toEqual([]);
      });
    }
  });
}

function canRun({ since = 10, rootSince = 10 }: TortureCase, from: number, to: number): boolean {
  return Math.min(from, to) >= since && from >= rootSince;
}
