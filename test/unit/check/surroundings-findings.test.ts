import { expect, test } from 'vitest';
import type { Surroundings } from '../../../src/check/surroundings.js';
import { compareSurroundings, databaseHindrances } from '../../../src/check/surroundings-findings.js';

const USUAL: Surroundings = {
  database: 'app',
  ourRole: 'worker',
  encoding: 'UTF8',
  collate: 'de_DE.utf8',
  ctype: 'de_DE.utf8',
  provider: 'c',
  locale: null,
  isStandby: false,
  settings: new Map([
    ['default_transaction_read_only', 'off'],
    ['default_transaction_isolation', 'read committed'],
    ['DateStyle', 'ISO, MDY'],
  ]),
  freeConnections: 50,
  silentRoles: [],
  maySetReplicationRole: true,
  collations: [{ name: null, recorded: '2.36', actual: '2.36' }],
};

function side(nodeName: string, changes: Partial<Surroundings> = {}) {
  return { node: { nodeName }, surroundings: { ...USUAL, ...changes } };
}

const setting = (name: string, value: string) => ({ settings: new Map([...USUAL.settings, [name, value]]) });

test('nothing is said of two databases that are alike', () => {
  expect(compareSurroundings(side('root'), side('leaf'))).toEqual([]);
  expect(compareSurroundings(side('root', { provider: null }), side('leaf'))).toEqual([]);
  expect(
    compareSurroundings(
      side('root', { collate: 'de_DE.UTF-8', ctype: 'de_DE.UTF-8', ...setting('TimeZone', 'Etc/UTC') }),
      side('leaf', setting('TimeZone', 'UTC')),
    ),
  ).toEqual([]);
  expect(
    compareSurroundings(
      side('root', { collate: 'POSIX', ctype: 'POSIX' }),
      side('leaf', { collate: 'C', ctype: 'C' }),
    ),
  ).toEqual([]);
  for (const role of ['root', 'source', 'target'] as const) {
    expect(databaseHindrances(side('leaf'), { role, connections: 5 })).toEqual([]);
  }
});

test.each([
  ['LATIN1', 'UTF8', 'differs'],
  ['SQL_ASCII', 'UTF8', 'blocks'],
  ['UTF8', 'LATIN1', 'blocks'],
] as const)('an encoding of %s above %s %s', (there, here, severity) => {
  expect(compareSurroundings(side('root', { encoding: there }), side('leaf', { encoding: here }))).toEqual([
    expect.objectContaining({
      severity,
      what: 'encoding',
      message: expect.stringContaining(`${there} on "root" and ${here} on "leaf"`),
    }),
  ]);
});

test.each<[string, Partial<Surroundings>, string, string]>([
  ['another order of texts', { collate: 'C' }, 'differs', 'lc_collate'],
  ['another provider of the order', { provider: 'i', locale: 'de' }, 'differs', 'lc_collate'],
  ['another lc_ctype', { ctype: 'C' }, 'differs', 'lc_ctype'],
  ['another DateStyle', setting('DateStyle', 'German'), 'differs', 'DateStyle'],
  [
    'another version of the order',
    { collations: [{ name: null, recorded: '2.31', actual: '2.31' }] },
    'hint',
    'default collation',
  ],
])('%s is told', (_what, changes, severity, object) => {
  expect(compareSurroundings(side('root', changes), side('leaf'))).toEqual([
    expect.objectContaining({ severity, object, node: 'leaf' }),
  ]);
});

test.each<[string, 'root' | 'source' | 'target', Partial<Surroundings>, string, RegExp]>([
  ['a standby', 'target', { isStandby: true }, 'blocks', /is a standby/],
  [
    'sessions that are read-only',
    'target',
    setting('default_transaction_read_only', 'on'),
    'blocks',
    /read-only/,
  ],
  [
    'a collation whose library has changed',
    'target',
    { collations: [{ name: 'public.de', recorded: '153.14', actual: '153.128' }] },
    'differs',
    /version 153\.14 .* and has 153\.128 now/,
  ],
  [
    'a role whose writes are not captured',
    'root',
    { silentRoles: [{ role: 'batch', setting: 'replica' }] },
    'blocks',
    /sessions of role "batch"/,
  ],
  [
    'a database whose writes are not captured',
    'root',
    setting('session_replication_role', 'local'),
    'blocks',
    /for all sessions/,
  ],
  [
    'a role that may not set session_replication_role',
    'target',
    { maySetReplicationRole: false },
    'hint',
    /may not set/,
  ],
  ['too few connections', 'source', { freeConnections: 4 }, 'hint', /can open 4 more sessions/],
  [
    'another isolation',
    'root',
    setting('default_transaction_isolation', 'serializable'),
    'hint',
    /serializable by default/,
  ],
  [
    'snapshots that grow too old',
    'source',
    setting('old_snapshot_threshold', '60'),
    'hint',
    /snapshot too old/,
  ],
])('%s is in the way', (_what, role, changes, severity, message) => {
  expect(databaseHindrances(side('node', changes), { role, connections: 5 })).toEqual([
    expect.objectContaining({ severity, node: 'node', message: expect.stringMatching(message) }),
  ]);
});

test('roles whose writes are not captured do not matter where no application writes', () => {
  const silentRoles = [{ role: 'worker', setting: 'replica' }];
  expect(databaseHindrances(side('leaf', { silentRoles }), { role: 'target', connections: 5 })).toEqual([]);
});
