import { env, stdout } from 'node:process';
import { createContext, Script } from 'node:vm';
import fc from 'fast-check';
import { test } from 'vitest';
import type { ErrorCode } from '../../src/errors/catalogue.js';
import { ReplicateError } from '../../src/errors/replicate-error.js';

/** Cases of each property. `npm run test:fuzz` looks at more. */
const RUNS = Number(env['FUZZ_RUNS'] ?? 200);
export const SEED = Number(env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
stdout.write(`Fuzzing: FUZZ_SEED=${SEED} FUZZ_RUNS=${RUNS}\n`);

/** Only a hang takes so long: what is linear takes milliseconds for the longest input here. */
const HANG_MS = 20_000;
const MS_OF_A_CASE = 20;
/** Characters of a long input. */
const LONG = 1_000_000;

/** How many cases a property of this share has. */
export function seededRuns(share: number): number {
  return Math.ceil(RUNS * share);
}

type Arbitraries<Values extends [unknown, ...unknown[]]> = { [At in keyof Values]: fc.Arbitrary<Values[At]> };

export interface FuzzOptions<Values> {
  /** How many cases there are for one of others: below 1 for what is slow. */
  readonly share?: number;
  /** Cases that are looked at first. */
  readonly examples?: Values[];
}

/**
 * A test that looks at many cases, always the same ones for a seed, and says which is the smallest that fails. A case that
 * does not come to an end fails too.
 */
export function fuzz<Values extends [unknown, ...unknown[]]>(
  name: string,
  arbitraries: Arbitraries<Values>,
  look: (...values: Values) => void,
  { share = 1, examples = [] }: FuzzOptions<NoInfer<Values>> = {},
): void {
  const numRuns = seededRuns(share) + examples.length;
  const limitMs = Math.ceil(HANG_MS + (numRuns * MS_OF_A_CASE) / Math.min(share, 1));
  test(name, { timeout: 2 * limitMs }, () => {
    let last: Values | undefined;
    const property = fc.property(fc.tuple(...arbitraries) as unknown as fc.Arbitrary<Values>, (values) => {
      last = values;
      look(...values);
    });
    const cases = examples.map((example): [Values] => [example]);
    const isOver = within(limitMs, () => fc.assert(property, { numRuns, seed: SEED, examples: cases }));
    if (!isOver) throw new Error(`No end with ${fc.stringify(last).slice(0, 1_000)} (FUZZ_SEED=${SEED}).`);
  });
}

/**
 * As `fuzz`, for what is to take a time in proportion to its input: each case is one of `looks` at a megabyte of pieces that
 * repeat themselves. The examples are looked at by all.
 */
export function fuzzLong(
  name: string,
  pieces: readonly string[],
  looks: readonly ((text: string) => unknown)[],
  examples: readonly Repeated[] = [],
): void {
  const some = fc.array(fc.constantFrom(...pieces), { maxLength: 3 }).map((parts) => parts.join(''));
  const repeated = fc.record({ head: some, piece: some.filter((text) => text !== ''), tail: some });
  fuzz(
    name,
    [repeated, fc.nat(looks.length - 1)],
    ({ head, piece, tail }, at) => {
      const text = head + piece.repeat(Math.ceil(LONG / piece.length)) + tail;
      if (!within(HANG_MS, () => looks[at]?.(text))) throw new Error('No end.');
    },
    {
      share: 0.01,
      examples: examples.flatMap((example) => looks.map((_, at): [Repeated, number] => [example, at])),
    },
  );
}

/** A long text: `head`, `piece` again and again, `tail`. */
export interface Repeated {
  readonly head: string;
  readonly piece: string;
  readonly tail: string;
}

const CALL = new Script('work()');

/** False when the work was broken off. */
function within(limitMs: number, work: () => unknown): boolean {
  try {
    CALL.runInContext(createContext({ work }), { timeout: limitMs });
    return true;
  } catch (error) {
    if ((error as { code?: unknown }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false;
    throw error;
  }
}

/** What comes of the work; undefined when it is refused with one of these codes. Every other error is thrown on. */
export function unlessRefused<T>(
  codes: ErrorCode | readonly ErrorCode[],
  work: () => T,
): { readonly value: T } | undefined {
  try {
    return { value: work() };
  } catch (error) {
    if (error instanceof ReplicateError && codes.includes(error.code)) return undefined;
    throw error;
  }
}
