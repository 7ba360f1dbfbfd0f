import { pino } from 'pino';
import { expect, test } from 'vitest';
import type { Row } from '../../../src/db/connection.js';
import { retryEvents } from '../../../src/ticker/retry-events.js';
import { runMaintenance } from '../../../src/ticker/run-maintenance.js';

const LOG = pino({ level: 'silent' });
const NEVER = new AbortController().signal;

/** A connection that notes what it is asked and answers by `answer`. */
function fakeConnection(operations: readonly Row[], answer: (sql: string) => unknown = () => 0) {
  const asked: string[] = [];
  return {
    asked,
    async query<R extends Row>(sql: string, values: readonly unknown[] = []): Promise<R[]> {
      if (sql.includes('maint_operations')) return operations as R[];
      asked.push([sql, ...values].join(' | '));
      return [{ answer: answer(sql) }] as unknown as R[];
    },
    async execute(sql: string): Promise<number> {
      asked.push(sql);
      return 0;
    },
  };
}

test('every routine is called with its argument, quoted, and vacuum is a statement', async () => {
  const connection = fakeConnection([
    { func_name: 'pgq.maint_rotate_tables_step1', func_arg: 'q' },
    { func_name: 'pgq.maint_rotate_tables_step2', func_arg: null },
    { func_name: 'vacuum', func_arg: 'pgq.We"ird' },
  ]);
  expect(await runMaintenance(connection, LOG, NEVER)).toBe(3);
  expect(connection.asked).toEqual([
    'select "pgq"."maint_rotate_tables_step1"($1) as answer | q',
    'select "pgq"."maint_rotate_tables_step2"() as answer',
    'vacuum "pgq"."We""ird"',
  ]);
});

test('a routine is called again as long as it answers something other than 0', async () => {
  const answers = [2, 1n, '5', 0];
  const connection = fakeConnection([{ func_name: 'a.b', func_arg: 'q' }], () => answers.shift());
  expect(await runMaintenance(connection, LOG, NEVER)).toBe(4);
});

test.each([null, '', 'text', undefined])('the answer %j asks for nothing', async (answer) => {
  const connection = fakeConnection([{ func_name: 'a.b', func_arg: 'q' }], () => answer);
  expect(await runMaintenance(connection, LOG, NEVER)).toBe(1);
});

test('a routine that never has enough does not keep the others from running', async () => {
  const operations = ['a.greedy', 'a.other'].map((func_name) => ({ func_name, func_arg: null }));
  const connection = fakeConnection(operations, (sql) => (sql.includes('greedy') ? 1 : 0));
  await runMaintenance(connection, LOG, NEVER);
  expect(connection.asked.at(-1)).toContain('other');
});

test('a routine that fails does not keep the others from running', async () => {
  const operations = ['a.bad', 'a.good'].map((func_name) => ({ func_name, func_arg: null }));
  const connection = fakeConnection(operations, (sql) => {
    if (sql.includes('bad')) throw Object.assign(new Error('division by zero'), { code: '22012' });
    return 0;
  });
  expect(await runMaintenance(connection, LOG, NEVER)).toBe(1);
  expect(connection.asked.at(-1)).toContain('good');
});

test('an error that is not the server’s ends the cycle', async () => {
  const connection = fakeConnection([{ func_name: 'a.b', func_arg: null }], () => {
    throw new TypeError('bug');
  });
  await expect(runMaintenance(connection, LOG, NEVER)).rejects.toThrow('bug');
});

test('retry goes on until nothing is left', async () => {
  const moved = [10, 3, 0, 99];
  const connection = { one: async <R extends Row>() => ({ moved: moved.shift() }) as unknown as R };
  expect(await retryEvents(connection, NEVER)).toBe(13);
});
