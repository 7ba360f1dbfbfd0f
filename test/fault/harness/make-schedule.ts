import { seededRandom } from '../../support/random.js';
import {
  type Fault,
  type Moment,
  NODE_NAMES,
  type NodeName,
  type ProgramKind,
  REPLICAS,
  type Schedule,
} from './schedule.js';
import { WORKLOAD_TABLES } from './workload-tables.js';

const LEAST_STEPS = 4;
const MOST_STEPS = 12;

/** The steps of a batch, which happen all the time, and those of a copy. */
const FAILPOINTS = [
  'worker-before-commit',
  'worker-before-commit',
  'worker-before-commit',
  'worker-after-commit',
  'worker-after-commit',
  'worker-after-commit',
  'worker-block-applied',
  'worker-block-applied',
  'copy-committed',
  'copy-emptied',
  'copy-snapshot-taken',
  'copy-data-written',
  'copy-range-written',
  'copy-range-committed',
  'copy-begun',
];

/** What a worker asks of a server whose answer would be missed. */
const REQUESTS = ['commit', 'finish_batch', 'next_batch', 'begin', 'register_consumer', 'set_consumer'];

/** A second, an hour, ten years. */
const CLOCK_SHIFTS_MS = [-1_000, 1_000, -3_600_000, 3_600_000, -315_360_000_000, 315_360_000_000];

/** What is left of a file system: nothing, some pages, most of a segment of the write-ahead log, a segment and some. */
const SPARE_BYTES = [0, 0, 65_536, 10_000_000, 20_000_000];

/** The tables that admin commands and locks are tried on. */
const TABLES = WORKLOAD_TABLES.map((table) => `public.${table}`);

/** Makes the schedule that belongs to a seed. */
export function makeSchedule(seed: number): Schedule {
  const dice = new Dice(seed);
  const count = dice.between(LEAST_STEPS, MOST_STEPS);
  const steps = Array.from({ length: count }, () => ({ when: makeMoment(dice), fault: makeFault(dice) }));
  return { seed, steps };
}

class Dice {
  readonly #random: () => number;

  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  between(least: number, most: number): number {
    return least + Math.floor(this.#random() * (most - least + 1));
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  of<T>(values: readonly T[]): T {
    return values[this.between(0, values.length - 1)] as T;
  }
}

function makeMoment(dice: Dice): Moment {
  const node = dice.of(REPLICAS);
  switch (dice.between(0, 5)) {
    case 0:
      return { kind: 'now' };
    case 1:
      return { kind: 'in-batch', node };
    case 2:
      return { kind: 'copying', node };
    default:
      return { kind: 'transactions', count: dice.between(5, 60) };
  }
}

/** Kinds of faults and how often they come. */
const MAKERS: readonly [weight: number, make: (dice: Dice) => Fault][] = [
  [6, (dice) => ({ kind: 'kill', ...program(dice) })],
  [2, (dice) => ({ kind: 'terminate', ...program(dice) })],
  [3, (dice) => ({ kind: 'freeze', ...program(dice), ms: dice.between(200, 2_500) })],
  [2, (dice) => ({ kind: 'absent', ...program(dice), ms: dice.between(500, 3_000) })],
  [2, (dice) => ({ kind: 'second', ...program(dice), ms: dice.between(500, 3_000) })],
  [9, makeFailpoint],
  [3, (dice) => ({ kind: 'kill-server', node: dice.of(NODE_NAMES), ms: dice.of([0, 0, 500, 1_500]) })],
  [2, (dice) => ({ kind: 'restart-server', node: dice.of(NODE_NAMES) })],
  [5, (dice) => ({ kind: 'backends', node: dice.of(NODE_NAMES), all: dice.chance(0.3) })],
  [2, (dice) => ({ kind: 'refuse', ...link(dice), ms: dice.between(200, 2_000) })],
  [4, (dice) => ({ kind: 'cut', ...link(dice) })],
  [2, (dice) => ({ kind: 'delay', ...link(dice), ms: dice.between(500, 3_000), byMs: dice.between(2, 60) })],
  [5, makeSilence],
  [6, (dice) => ({ kind: 'lose-answer', ...link(dice), request: dice.of(REQUESTS), ms: 2_000 })],
  [3, (dice) => ({ kind: 'lock', node: dice.of(NODE_NAMES), table: dice.of(TABLES), ms: duration(dice) })],
  [2, (dice) => ({ kind: 'long-transaction', ms: dice.between(500, 4_000) })],
  [1, (dice) => ({ kind: 'held-snapshot', node: dice.of(NODE_NAMES), ms: dice.between(1_000, 4_000) })],
  [9, makeCommand],
  [
    4,
    (dice) => ({
      kind: 'max-connections',
      node: dice.of(NODE_NAMES),
      ms: duration(dice),
      cuts: dice.chance(0.6),
    }),
  ],
  [4, makeFullDisk],
  [3, makeSlowDisk],
  [3, (dice) => ({ kind: 'clock', ...program(dice), ms: duration(dice), byMs: dice.of(CLOCK_SHIFTS_MS) })],
  [
    5,
    (dice) => ({ kind: 'takeover', ...(dice.chance(0.3) ? { killAfterMs: dice.between(600, 4_000) } : {}) }),
  ],
  [7, makeTableChange],
];

function makeFault(dice: Dice): Fault {
  const total = MAKERS.reduce((sum, [weight]) => sum + weight, 0);
  let at = dice.between(1, total);
  for (const [weight, make] of MAKERS) {
    at -= weight;
    if (at <= 0) return make(dice);
  }
  throw new Error('The weights do not add up.');
}

function duration(dice: Dice): number {
  return dice.between(100, 2_500);
}

function program(dice: Dice): { node: NodeName; program: ProgramKind } {
  const kind = dice.of(['worker', 'worker', 'worker', 'ticker'] as const);
  if (kind === 'ticker') return { node: dice.of(['root', 'root', 'branch'] as const), program: kind };
  return { node: dice.of(['root', ...REPLICAS, ...REPLICAS]), program: kind };
}

/** The links that are used: a worker's to its own database and to its provider, of the root's worker the first. */
function link(dice: Dice): { node: NodeName; to: NodeName } {
  const links = [
    ['root', 'root'],
    ['branch', 'branch'],
    ['branch', 'root'],
    ['leaf', 'leaf'],
    ['leaf', 'branch'],
    ['side', 'side'],
    ['side', 'root'],
  ] as const;
  const [node, to] = dice.of(links);
  return { node, to };
}

function makeFailpoint(dice: Dice): Fault {
  return {
    kind: 'failpoint',
    node: dice.of(REPLICAS),
    name: dice.of(FAILPOINTS),
    time: dice.of([1, 1, 1, 2, 5]),
  };
}

function makeSilence(dice: Dice): Fault {
  return {
    kind: 'silent',
    ...link(dice),
    ms: dice.between(300, 3_000),
    afterBytes: dice.of([0, 0, 100, 1_000, 20_000]),
    heals: dice.chance(0.3),
  };
}

function makeCommand(dice: Dice): Fault {
  const table = dice.of(TABLES);
  const node = dice.of(REPLICAS);
  const command = dice.of<readonly [NodeName, readonly string[]]>([
    [node, ['resync', table]],
    [node, ['resync', table]],
    [node, ['resync', table]],
    [node, ['resync', '--all']],
    [node, ['pause']],
    [node, ['resume']],
    [node, ['compare']],
    [node, ['compare', table]],
    [node, ['repair', '--apply', table]],
    [dice.of(['leaf', 'side']), ['remove-table', table]],
    [dice.of(['leaf', 'side']), ['add-table', table]],
    ['leaf', ['change-provider', 'root']],
    ['leaf', ['change-provider', 'branch']],
    ['root', ['status']],
  ]);
  return {
    kind: 'command',
    node: command[0],
    words: command[1],
    ...mayBeKilled(dice),
  };
}

function mayBeKilled(dice: Dice): { killAfterMs?: number } {
  return dice.chance(0.25) ? { killAfterMs: dice.between(200, 1_500) } : {};
}

function makeFullDisk(dice: Dice): Fault {
  const { node, ms } = { node: dice.of(NODE_NAMES), ms: duration(dice) };
  return { kind: 'disk-full', node, ms, spareBytes: dice.of(SPARE_BYTES), endsServer: dice.chance(0.4) };
}

function makeSlowDisk(dice: Dice): Fault {
  const { node, ms } = { node: dice.of(NODE_NAMES), ms: dice.between(500, 3_000) };
  return { kind: 'slow-disk', node, ms, commitMs: dice.of([5, 20, 100]), stallMs: dice.of([20, 100, 400]) };
}

function makeTableChange(dice: Dice): Fault {
  const what = dice.of(['column', 'column', 'index'] as const);
  // PostgreSQL 10 makes no index of a partitioned table.
  const tables = WORKLOAD_TABLES.filter((table) => what === 'column' || table !== 'parcel');
  return {
    kind: 'ddl',
    how: dice.of(['execute', 'execute', 'by hand'] as const),
    what,
    table: dice.of(tables),
    rootFirst: dice.chance(0.5),
    ms: duration(dice),
  };
}
