import { expect, test } from 'vitest';
import { readScript } from '../../../src/replica/script.js';

test.each([
  ['begin; select 1', 'take BEGIN'],
  ['select 1; COMMIT', 'take BEGIN'],
  ['START transaction', 'take BEGIN'],
  ['rollback to savepoint x', 'take BEGIN'],
  ["prepare transaction 'x'", 'take BEGIN'],
  ['create index concurrently on t (a)', 'run it by hand'],
  ['create unique index Concurrently i on t (a)', 'run it by hand'],
  ['drop index concurrently if exists i', 'run it by hand'],
  ['reindex table concurrently t', 'run it by hand'],
  ['alter table t detach partition p concurrently', 'run it by hand'],
  ['vacuum full t', 'run it by hand'],
  ['cluster', 'run it by hand'],
  ['create database x', 'run it by hand'],
  ['alter system set work_mem = 1', 'run it by hand'],
  ['copy t (a, b) from stdin;\n1\t2\n\\.\n', 'COPY from or to the client'],
  ['copy (select 1) to stdout', 'COPY from or to the client'],
  ['unlisten *', 'changes the session'],
  ['deallocate all', 'changes the session'],
  ['discard all', 'changes the session'],
  ['set standard_conforming_strings = off', 'stays as it is'],
  [' ; -- nothing', 'has no statement'],
])('%j is no script', (text, reason) => {
  expect(() => readScript('dir/a.sql', text)).toThrow(reason);
});

test.each([
  'set standard_conforming_strings = on; select 1',
  'set local standard_conforming_strings to on; select 1',
  'cluster t using i',
  'create table concurrently_named (vacuum int)',
  "comment on table t is 'commit; vacuum'",
  'do $$ begin perform 1; end $$',
  "copy t from '/tmp/file'",
  'alter table t detach partition p',
])('%j is a script', (text) => {
  expect(readScript('dir/a.sql', text)).toMatchObject({ name: 'a.sql', text });
});

test('a script has the name of its file, no byte order mark, and its conditions', () => {
  const script = readScript('/some/dir/b.sql', '\uFEFF--*-- Need-Table: t\nselect 1');
  expect(script.name).toBe('b.sql');
  expect(script.text).toBe('--*-- Need-Table: t\nselect 1');
  expect([...script.attributes]).toEqual([['need-table', ['t']]]);
});
