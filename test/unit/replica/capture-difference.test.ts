import { expect, test } from 'vitest';
import { captureDifference } from '../../../src/replica/capture-difference.js';
import { ALL_WRITES, type CapturedWrites } from '../../../src/replica/captured-writes.js';

const captured = (more: Partial<CapturedWrites>): CapturedWrites => ({ ...ALL_WRITES, ...more });

test.each<[string, Partial<CapturedWrites>, Partial<CapturedWrites>, string[], string[]]>([
  ['the same', { ignored: ['a'] }, { ignored: ['a'] }, [], []],
  ['a column less is ignored', { ignored: ['a', 'b'] }, { ignored: ['b'] }, ['column a'], []],
  ['other columns are ignored', { ignored: ['a', 'b'] }, { ignored: ['c'] }, ['columns a, b'], ['column c']],
  ['a condition goes', { condition: 'v > 1' }, {}, ['rows that "when=v > 1" leaves out'], []],
  [
    'another condition',
    { condition: 'v > 1' },
    { condition: 'v > 2' },
    ['rows that "when=v > 1" leaves out'],
    ['rows that "when=v > 2" leaves out'],
  ],
  ['updates come', { writes: ['inserts'] }, { writes: ['inserts', 'updates'] }, ['updates'], []],
  ['everything comes', { writes: [] }, { ignored: ['a'] }, ['all writes'], []],
  ['everything goes', { ignored: ['a'] }, { writes: [] }, [], ['all writes']],
  ['nothing as before', { writes: [] }, { writes: [] }, [], []],
  ['another content', { content: ['ev_data=1'] }, {}, ['what "ev_data=1" replaces'], []],
  ['nobody could write', { isDenied: true, ignored: ['a'] }, {}, [], []],
])('%s', (_what, before, after, gained, lost) => {
  expect(captureDifference(captured(before), captured(after))).toEqual({ gained, lost, hasRowsNow: false });
});

test('rows that were events only are not here, so nothing was missed', () => {
  const before = captured({ writes: ['inserts'], isEventOnly: true });
  expect(captureDifference(before, ALL_WRITES)).toEqual({ gained: [], lost: [], hasRowsNow: true });
});
