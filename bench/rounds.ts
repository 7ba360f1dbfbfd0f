/** One thing to measure on both sides; each returns how much was done in how many milliseconds. */
export interface Contest {
  readonly name: string;
  readonly unit: string;
  /** Ratio ours : peer that the project wants; undefined: only shown. */
  readonly bar: number | undefined;
  readonly ours: () => Promise<number>;
  readonly peer: () => Promise<number>;
}

export interface ContestResult {
  readonly name: string;
  readonly unit: string;
  readonly bar: number | undefined;
  readonly ours: number;
  readonly peer: number;
}

/**
 * Runs both sides `rounds` times, in turns so that a slow moment of the machine hits both, after one round that does
 * not count. Each side's result is the median of what it returned.
 */
export async function runContest(contest: Contest, rounds: number): Promise<ContestResult> {
  const ours: number[] = [];
  const peer: number[] = [];
  for (let round = 0; round <= rounds; round++) {
    const oursFirst = round % 2 === 0;
    const first = oursFirst ? await contest.ours() : await contest.peer();
    const second = oursFirst ? await contest.peer() : await contest.ours();
    if (round === 0) continue;
    ours.push(oursFirst ? first : second);
    peer.push(oursFirst ? second : first);
  }
  const { name, unit, bar } = contest;
  return { name, unit, bar, ours: median(ours), peer: median(peer) };
}

/**
 * Visits all sides `rounds` times, one after the other, after one round that does not count. Who begins moves on by one
 * each round. Returns what each side's visits gave, in the order of the rounds.
 */
export async function visitInTurns<S, T>(
  sides: readonly S[],
  rounds: number,
  visit: (side: S) => Promise<T>,
): Promise<Map<S, T[]>> {
  const results = new Map<S, T[]>(sides.map((side) => [side, []]));
  for (let round = 0; round <= rounds; round++) {
    const first = round % sides.length;
    for (const side of [...sides.slice(first), ...sides.slice(0, first)]) {
      const result = await visit(side);
      if (round > 0) results.get(side)?.push(result);
    }
  }
  return results;
}

/** Milliseconds that a piece of work takes. */
export async function millisecondsOf(work: () => Promise<unknown>): Promise<number> {
  const started = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - started) / 1e6;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
