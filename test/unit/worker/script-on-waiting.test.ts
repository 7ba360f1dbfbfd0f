import { expect, test } from 'vitest';
import { onlyAddsPlainColumns, type WaitingColumn } from '../../../src/worker/script-on-waiting.js';

const column = (definition: string, is_plain = true): WaitingColumn => ({
  table_name: 'public.t',
  definition,
  is_plain,
});
const before = [column('1 id'), column('2 v', false)];

test.each([
  ['nothing has changed', before, true],
  ['a column without default is added', [...before, column('3 w')], true],
  ['a column with a default is added', [...before, column('3 w', false)], false],
  ['a column has another type', [column('1 id'), column('2 v bigint', false)], false],
  ['a plain column has another type', [column('1 id bigint'), column('2 v', false)], false],
  ['a column is gone', [column('1 id')], false],
])('when %s, catching up is as good as a copy: %s', (_what, after, isSo) => {
  expect(onlyAddsPlainColumns(before, after)).toBe(isSo);
});
