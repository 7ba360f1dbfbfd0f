import { expect, test } from 'vitest';
import { bindText } from '../../../src/handlers/registry.js';
import { conditionSql } from '../../../src/handlers/row-selection.js';

const bind = (args: Readonly<Record<string, string>>) =>
  bindText('public.t', { name: 'shard', args: new Map(Object.entries(args)) }, {}).selection;

test('the place of a row is a remainder that is never negative, of a hash of ours or of the users', () => {
  expect(conditionSql(bind({ key: 'id', shard: '2', count: '3' }))).toMatch(/% 3 \+ 3\) % 3 = 2/);
  expect(conditionSql(bind({ hash_key: 'a, B', shard: '0', count: '2', hash_func: 'app.h' }))).toContain(
    '"app"."h"("a", "B")',
  );
  expect(bind({ key: 'a,b', shard: '0', count: '1' }).textColumns).toEqual(['a', 'b']);
});

test.each([
  [{ shard: '0', count: '2' }, 'needs the argument key'],
  [{ key: 'id' }, 'not known'],
  [{ key: 'id', shard: '0' }, 'not known'],
  [{ key: 'id', shard: '2', count: '2' }, 'no shard=2 among count=2'],
  [{ key: 'id', shard: '-1', count: '2' }, 'shard=-1'],
  [{ key: 'id', shard: '0', count: '0' }, 'count=0'],
  [{ key: 'id', shard: '0', count: '2', hash_func: 'h(); drop table t' }, 'no function'],
])('the arguments %j are refused', (args, message) => {
  expect(() => bind(args as unknown as Record<string, string>)).toThrow(
    expect.objectContaining({ code: 'PC410', message: expect.stringContaining(message) }),
  );
});
