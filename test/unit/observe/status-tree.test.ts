import { expect, test } from 'vitest';
import type { StatusEntry } from '../../../src/observe/status.js';
import { details, duration, statusTree } from '../../../src/observe/status-tree.js';
import { tickId } from '../../../src/queue/ids.js';

type SeenEntry = Extract<StatusEntry, { kind: 'seen' }>;

function seen(name: string, provider: string | null, more: Partial<SeenEntry> = {}): SeenEntry {
  return {
    kind: 'seen',
    isLocal: false,
    name,
    type: provider === null ? 'root' : 'leaf',
    provider,
    tick: tickId(81n),
    isPaused: false,
    worker: 'alive',
    tables: { ok: 2, copying: 0, waiting: 0, parked: 0, notHere: 0 },
    parkedTables: [],
    leftOut: [],
    slowTables: [],
    copies: [],
    keptOff: null,
    notBack: [],
    errors: [],
    ticker: provider === null ? { secondsSinceTick: 0.4, newEvents: 0n, isLate: false } : null,
    lag: provider === null ? null : { seconds: 0, events: 0n },
    subscribers: [],
    retention: null,
    capture: null,
    compared: [],
    ...more,
  };
}

function tree(...entries: StatusEntry[]): string[] {
  return statusTree({ queueName: 'q', localNode: 'b', entries, isComplete: true }).slice(2);
}

test('a table whose blocks are written twice is told with the reason, and what is kept off with the numbers', () => {
  const slowTables = [
    { name: 'public.t', blocks: 7n, reason: 'The table refuses the row (SQLSTATE 23505, constraint u).' },
  ];
  expect(details(seen('leaf', 'root', { slowTables, keptOff: { keys: 2, triggers: 1 } }))).toEqual(
    expect.arrayContaining([
      "Slow: 7 blocks of public.t were written again in order since the worker's start. The table refuses the row (SQLSTATE 23505, constraint u).",
      'The role may not set session_replication_role: 2 foreign keys and 1 triggers and rules are kept off its tables.',
    ]),
  );
});

test('what could not be put back is an error, with the reason', () => {
  const notBack = [
    { what: 'triggers or rules of public.t', isInForce: false, reason: 'must be owner of table t' },
    { what: 'foreign key "k" of public.t', isInForce: true, reason: 'violates' },
  ];
  expect(details(seen('root', null, { notBack }))).toEqual(
    expect.arrayContaining([
      'ERROR: not in force: triggers or rules of public.t (must be owner of table t).',
      'Holds for new rows only: foreign key "k" of public.t (violates).',
    ]),
  );
});

test('a copy is told with how far it is and who is waited for, and many copies are counted', () => {
  const copy = { rowsDone: 30n, rowsExpected: 120n, bytesDone: 0n, bytesExpected: 0n, seconds: 10 };
  const data = { name: 'public.t', phase: 'data', ...copy, secondsLeft: 30, blocker: null };
  const waiting = {
    name: 'public.u',
    phase: 'waiting',
    ...copy,
    secondsLeft: null,
    blocker: 'pid 7 of alice (lock table u)',
  };
  expect(details(seen('leaf', 'root', { copies: [data, waiting] }))).toEqual(
    expect.arrayContaining([
      'Copying public.t: data, 25 %, 30 s left',
      'Copying public.u: waiting, waits for pid 7 of alice (lock table u)',
    ]),
  );
  const six = Array.from({ length: 6 }, () => data);
  expect(details(seen('leaf', 'root', { copies: six }))).toContain(
    'Copying 2 more tables ("wait-sync" shows them)',
  );
});

test('changes that were left out are told in one line, whatever the number of tables', () => {
  const leftOut = [{ name: 'public.t', changes: 71n }];
  expect(details(seen('leaf', 'root', { leftOut }))).toContain(
    'Left out, their rows are not here: 71 changes of public.t. A resync makes it equal.',
  );
  const two = [...leftOut, { name: 'public.u', changes: 1n }];
  expect(details(seen('leaf', 'root', { leftOut: two }))).toContain(
    'Left out, their rows are not here: 72 changes of 2 tables ("tables" shows which). A resync makes it equal.',
  );
});

test('nodes hang below their providers, the root on top', () => {
  const branch = seen('branch', 'root', { type: 'branch' });
  expect(tree(seen('leaf', 'branch'), branch, seen('other', 'root'), seen('root', null))).toEqual([
    'root (root)',
    '│   Tables: 2 ok',
    '│   Ticker: tick 81, made 0.4 s ago',
    '├── branch (branch)',
    '│   │   Tables: 2 ok',
    '│   │   Lag: 0 s, tick 81',
    '│   └── leaf (leaf)',
    '│           Tables: 2 ok',
    '│           Lag: 0 s, tick 81',
    '└── other (leaf)',
    '        Tables: 2 ok',
    '        Lag: 0 s, tick 81',
  ]);
});

test('what is not in order is told', () => {
  const lines = tree(
    seen('root', null, { ticker: { secondsSinceTick: 75, newEvents: 3n, isLate: true } }),
    seen('leaf', 'root', {
      isPaused: true,
      lag: { seconds: 200, events: 12n },
      tables: { ok: 1, copying: 1, waiting: 0, parked: 1, notHere: 4 },
      parkedTables: [{ name: 'public.t', errorCode: 'PC402', message: 'Row missing.', isWaiting: false }],
      errors: [{ consumer: 'leaf_worker', message: 'disk full' }],
    }),
  ).map((line) => line.trim());
  expect(lines).toContain('│   ERROR: no tick is made; is the ticker running?');
  expect(lines).toContain('│   Ticker: tick 81, made 75 s ago, 3 new events');
  expect(lines).toContain('Tables: 1 ok, 1 copying, 1 PARKED, 4 not here');
  expect(lines).toContain('Lag: 3 min 20 s, 12 events, tick 81, PAUSED');
  expect(lines).toContain('ERROR: leaf_worker: disk full');
  expect(lines.at(-1)).toContain('public.t is parked: PC402 Row missing.');
});

test('a table that goes on by itself is told as waiting and not as parked', () => {
  const waiting = { name: 'public.t', errorCode: 'PC403', message: 'It lacks: c.', isWaiting: true };
  const lines = tree(
    seen('root', null),
    seen('leaf', 'root', {
      tables: { ok: 1, copying: 0, waiting: 1, parked: 0, notHere: 0 },
      parkedTables: [waiting],
    }),
  );
  expect(lines).toContain('        Tables: 1 ok, 1 WAITING');
  expect(lines.at(-1)).toContain('ERROR: public.t waits: PC403 It lacks: c. Nothing is lost');
  expect(lines.join()).not.toMatch(/parked/i);
});

test('a compact tree has one line per node, with the first error', () => {
  const lines = statusTree(
    {
      queueName: 'q',
      localNode: 'b',
      isComplete: false,
      entries: [
        seen('root', null),
        seen('leaf', 'root', {
          worker: 'none',
          lag: { seconds: 3, events: 12n },
          errors: [{ consumer: 'leaf_worker', message: 'disk full' }],
        }),
        { kind: 'unreachable', name: 'far', provider: 'root', reason: 'No answer within 5 s.' },
        { kind: 'dead', name: 'gone', provider: null },
      ],
    },
    { compact: true },
  );
  expect(lines.slice(2)).toEqual([
    'root (root): Tables: 2 ok; Ticker: tick 81, made 0.4 s ago',
    '├── leaf (leaf): Tables: 2 ok; Lag: 3.0 s, 12 events, tick 81; ERROR: no worker is running. (and 1 more)',
    '└── far (UNREACHABLE): No answer within 5 s.',
    'gone (marked as dead)',
  ]);
});

test('a node that was not made or not renamed to the end is told with what to do', () => {
  const lines = tree(
    seen('root', null),
    { kind: 'absent', name: 'ghost', provider: 'root' },
    { kind: 'alias', name: 'old', provider: null, nodeName: 'new' },
  ).map((line) => line.trim());
  expect(lines).toContain('└── ghost (NO NODE)');
  expect(lines).toContain('Node "root" keeps events for it.');
  expect(lines).toContain('Repeat that command, or run "drop-node ghost".');
  expect(lines).toContain('old (ANOTHER NAME OF new)');
});

const HELD = {
  consumer: 'leaf_worker',
  node: 'leaf',
  isSystem: false,
  lastTick: tickId(7n),
  lagSeconds: 200,
  events: 620n,
  bytes: 12_000_000n,
  share: 0.629,
  holdsRotation: true,
};
const MARK = { ...HELD, consumer: '.leaf.watermark', isSystem: true };

test('what is held back is told when there is a budget or when it is asked for, watermarks only then', () => {
  const told = (budget: boolean, asked: boolean) =>
    statusTree(
      {
        queueName: 'q',
        localNode: 'b',
        isComplete: true,
        entries: [
          seen('root', null, {
            retention: {
              budget: budget ? { maxEvents: 1000n, maxBytes: null, action: 'warn' } : null,
              consumers: [MARK, budget ? HELD : { ...HELD, share: null, holdsRotation: false }],
              dropped: [],
            },
          }),
        ],
      },
      { retention: asked },
    )
      .map((line) => line.trim())
      .filter((line) => line.startsWith('Held back'));
  expect(told(false, false)).toEqual([]);
  expect(told(true, false)).toEqual([
    'Held back by leaf_worker: 620 events, 11.4 MB, 62 % of the budget, the last 3 min 20 s, rotation waits for it',
  ]);
  expect(told(false, true)).toHaveLength(2);
  expect(told(false, true)[1]).toBe('Held back by leaf_worker: 620 events, 11.4 MB, the last 3 min 20 s');
});

test('a consumer that was dropped is told also without a budget', () => {
  const dropped = {
    consumer: 'mailer',
    node: null,
    lastTick: tickId(7n),
    droppedAt: '2026-01-02 03:04:05+00',
    reason: 'It held back 20 events (16 kB); the budget is 10 events.',
  };
  const lines = tree(seen('root', null, { retention: { budget: null, consumers: [], dropped: [dropped] } }));
  expect(lines.at(-1)?.trim()).toBe(
    'ERROR: mailer was dropped at 2026-01-02 03:04:05+00 and needs a resync: it has lost the events after tick 7. ' +
      'It held back 20 events (16 kB); the budget is 10 events.',
  );
});

test('a node that cannot be reached is shown in its place with the reason', () => {
  const lines = tree(seen('root', null), {
    kind: 'unreachable',
    name: 'far',
    provider: 'root',
    reason: 'No answer within 5 s.',
  });
  expect(lines.slice(-2)).toEqual(['└── far (UNREACHABLE)', '        No answer within 5 s.']);
});

test('every node is shown once, also below a provider that nobody knows and in a circle', () => {
  const names = tree(seen('a', 'b'), seen('b', 'a'), seen('c', 'gone'), {
    kind: 'dead',
    name: 'd',
    provider: null,
  }).filter((line) => line.includes('('));
  expect(names).toHaveLength(4);
});

test.each([
  [0, '0 s'],
  [0.42, '0.4 s'],
  [61.4, '61 s'],
  [200, '3 min 20 s'],
  [7500, '2 h 5 min'],
])('%s seconds are told as %s', (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test('what was changed on the root without a script is told, and triggers that are off are an error', () => {
  const capture = {
    changes: [
      {
        tableName: 'public.t',
        outcome: 'renamed',
        message: 'The table is public.u here now.',
        happenedAt: '2026-01-02 03:04:05',
      },
    ],
    silentTables: ['public.s'],
  };
  expect(tree(seen('root', null, { capture })).slice(3)).toEqual([
    '    Changed without "execute" at 2026-01-02 03:04:05: public.t: The table is public.u here now.',
    expect.stringContaining('ERROR: triggers of public.s are disabled or gone'),
  ]);
});
