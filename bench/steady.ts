/**
 * The highest rate of one-row transactions at which the target stays less than two seconds behind, beside native logical
 * replication between the same servers (PostgreSQL 15), all programs and pgbench on this machine:
 * `npm run bench:steady [seconds a rate] [first rate]`. A row that is written ten times a second tells how far behind the target
 * is. The rate rises by a quarter until three rates in a row were too much: for the replication, or for the source by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { whyNoStockPackages } from '../test/support/stock-server.js';
import { type ApplySide, openApplySides } from './apply-sides.js';
import { CLEAN_UP, SINGLE_ROW_SCRIPTS } from './apply-workloads.js';
import { runPgbench } from './pgbench.js';

const SECONDS = Number(process.argv[2] ?? 20);
const FIRST_RATE = Number(process.argv[3] ?? 2_000);
const RISE = 1.25;
const TRIES = 3;
const MAX_LAG_MS = 2_000;
const HEARTBEAT_MS = 100;
const missing = whyNoStockPackages();
if (missing !== undefined) {
  process.stderr.write(`The stock packages are missing: ${missing}\n`);
  process.exit(3);
}

await using sides = await openApplySides();
const highest = new Map<ApplySide, number>();
for (const side of sides.all) {
  for (const other of sides.all) await other.hold();
  await side.drain();
  let failures = 0;
  for (let rate = FIRST_RATE; failures < TRIES; rate *= RISE) {
    const { tps, lagMs } = await tryRate(side, Math.round(rate));
    const isHeld = lagMs < MAX_LAG_MS && tps > rate * 0.95;
    process.stdout.write(
      `${side.name}: asked ${Math.round(rate)}, wrote ${Math.round(tps)} tx/s, at most ${Math.round(lagMs)} ms behind: ${isHeld ? 'held' : 'too much'}\n`,
    );
    if (isHeld) highest.set(side, tps);
    failures = isHeld ? 0 : failures + 1;
    // Drained, or the next rate would begin behind.
    await side.drain();
    await side.source.session.execute(CLEAN_UP);
    await side.drain();
  }
  await side.hold();
}
const [ours, native] = sides.all.map((side) => highest.get(side) ?? 0) as [number, number];
process.stdout.write(
  `highest rate with the target less than 2 s behind: ours ${Math.round(ours)}, native ${Math.round(native)} tx/s, ratio ${(ours / native).toFixed(2)} [bar at least 1: ${ours >= native ? 'held' : 'MISSED'}]\n`,
);

async function tryRate(side: ApplySide, rate: number): Promise<{ tps: number; lagMs: number }> {
  const { port, database } = side.source;
  const writing = runPgbench({
    port,
    database,
    settings: { synchronous_commit: 'off' },
    deadlineMs: (SECONDS + 60) * 1000,
    words: [
      ...['-n', '-M', 'prepared', '-c', '4', '-j', '1', '-T', String(SECONDS), '-R', String(rate)],
      ...SINGLE_ROW_SCRIPTS,
    ],
  });
  let isOver = false;
  const watching = watchLag(side, () => isOver);
  try {
    return { tps: (await writing).tps, lagMs: await watched() };
  } finally {
    await watched();
  }

  async function watched(): Promise<number> {
    isOver = true;
    return watching;
  }
}

/** The most that the target was behind, in milliseconds, after the first seconds. */
async function watchLag({ source, target }: ApplySide, isOver: () => boolean): Promise<number> {
  const started = performance.now();
  let most = 0;
  while (!isOver()) {
    await source.session.execute('update public.heartbeat set at = clock_timestamp()');
    await sleep(HEARTBEAT_MS);
    const { behind } = await target.one<{ behind: number }>(
      'select extract(epoch from clock_timestamp() - at)::float8 * 1000 as behind from public.heartbeat',
    );
    if (performance.now() - started > 3_000) most = Math.max(most, behind);
  }
  return most;
}
