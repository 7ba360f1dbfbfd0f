import { expect, test } from 'vitest';
import { findObstacle, selectTables } from '../../../src/compare/select-tables.js';
import type { ReplicatedTable } from '../../../src/replica/table-list.js';

const table = (name: string, fields: Partial<ReplicatedTable> = {}): ReplicatedTable => ({
  name,
  destTable: name,
  isLocal: true,
  state: { kind: 'ok' },
  attrs: null,
  conflictPolicy: undefined,
  leftOut: 0n,
  ...fields,
});
const ELSEWHERE = { isLocal: false, state: { kind: 'not-here' } } as const;
const TABLES = [table('public.a'), table('public.ab'), table('s.a'), table('public.c', ELSEWHERE)];

test('without arguments all tables of this node are compared', () => {
  expect(selectTables([], TABLES)).toEqual(['public.a', 'public.ab', 's.a']);
});

test('a pattern means tables of this node, a name also one that is only elsewhere', () => {
  expect(selectTables(['*'], TABLES)).toEqual(['public.a', 'public.ab']);
  expect(selectTables(['a', 's.*', 'a', 'c'], TABLES)).toEqual(['public.a', 's.a', 'public.c']);
});

test('a name that is not there is an error', () => {
  expect(() => selectTables(['a', 'x', 'y*'], TABLES)).toThrow('x, y*');
});

test('only a table that is ok on both sides and has handlers that are known can be compared', () => {
  const find = (provider?: ReplicatedTable, subscriber?: ReplicatedTable) =>
    findObstacle(provider, subscriber, {});
  const ok = table('public.a');
  expect(find(ok, ok)).toBeUndefined();
  expect(find(undefined, ok)?.reason).toContain('on the provider');
  expect(find(ok, table('public.a', ELSEWHERE))?.reason).toContain('not here');
  expect(find(ok, table('public.a', { state: { kind: 'waiting' } }))?.code).toBe('PC501');
  const parked = { kind: 'parked', errorCode: 'PC402', message: '', isWaiting: false } as const;
  expect(find(ok, table('public.a', { state: parked }))?.reason).toContain('parked (PC402)');
  expect(find(table('public.a', { attrs: 'handler=odd' }), ok)?.reason).toContain('"odd"');
  expect(find(ok, table('public.a', { attrs: 'skip_truncate=1' }))).toBeUndefined();
});
