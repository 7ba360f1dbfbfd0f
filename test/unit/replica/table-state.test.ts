import { expect, test } from 'vitest';
import { describeParked, describeTableState, tableState } from '../../../src/replica/table-state.js';

const stored = { isLocal: true, mergeState: 'ok', errorCode: null, errorMessage: null };

test('a table that is only known in the cascade is not here, whatever its state says', () => {
  expect(tableState({ ...stored, isLocal: false }).kind).toBe('not-here');
});

test('an error counts over the state that was left when it happened', () => {
  const state = tableState({ ...stored, errorCode: 'PC402', errorMessage: 'A row is missing.' });
  expect(state).toEqual({
    kind: 'parked',
    errorCode: 'PC402',
    message: 'A row is missing.',
    isWaiting: false,
  });
});

test.each([
  ['PC403', 'catching-up', true],
  ['PC403', 'ok', false],
  ['PC606', 'catching-up', false],
])('a table parked with %s in the state %s waits for its shape: %s', (errorCode, mergeState, isWaiting) => {
  expect(tableState({ ...stored, errorCode, mergeState, errorMessage: '' })).toMatchObject({ isWaiting });
});

test.each([
  [null, 'waiting'],
  ['ok', 'ok'],
  ['?', 'ok'],
  ['in-copy', 'copying'],
  ['catching-up', 'copying'],
  ['wanna-sync:12', 'copying'],
  ['do-sync:12', 'copying'],
])('the stored state %s means %s', (mergeState, kind) => {
  expect(tableState({ ...stored, mergeState }).kind).toBe(kind);
});

test('a copied table is described by the state that is stored', () => {
  expect(describeTableState(tableState({ ...stored, mergeState: 'wanna-sync:12' }))).toBe('wanna-sync:12');
});

test('what is said of a parked table names the command that takes it up again', () => {
  const parked = { errorCode: 'PC402', message: 'A row is missing', isWaiting: false };
  expect(describeParked('public.t', parked)).toBe(
    'public.t is parked: PC402 A row is missing. When that is mended, run "resync public.t".',
  );
});

test('what is said of a table that waits for its shape says that nothing is lost and asks for no resync', () => {
  const text = describeParked('public.t', { errorCode: 'PC403', message: 'It lacks: c.', isWaiting: true });
  expect(text).toContain('public.t waits: PC403 It lacks: c. Nothing is lost');
  expect(text).not.toContain('resync');
});
