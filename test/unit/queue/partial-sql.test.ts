import { expect, test } from 'vitest';
import { partialSqlStatement } from '../../../src/queue/decode/partial-sql.js';

const target = { name: '"s"."t"', onlyName: 'only "s"."t"' };

test('an insert overrules identity columns, whatever the columns are called', () => {
  expect(partialSqlStatement('insert', target, `(a,"b)""(",c) values ('1)',null,E'\\\\')`)).toBe(
    `insert into "s"."t" (a,"b)""(",c) overriding system value values ('1)',null,E'\\\\')`,
  );
});

test('an update and a delete reach the table only', () => {
  expect(partialSqlStatement('update', target, `c2='x' where k='1'`)).toBe(
    `update only "s"."t" set c2='x' where k='1'`,
  );
  expect(partialSqlStatement('delete', target, `k='1'`)).toBe(`delete from only "s"."t" where k='1'`);
});

test('an insert without a column list is refused', () => {
  expect(() => partialSqlStatement('insert', target, `values ('1'`)).toThrow(
    expect.objectContaining({ code: 'PC404' }),
  );
});
