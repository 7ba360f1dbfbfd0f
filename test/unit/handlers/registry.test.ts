import { expect, test } from 'vitest';
import { withHandlerText } from '../../../src/handlers/handler-text.js';
import {
  bindHandler,
  findHandler,
  HANDLERS,
  hasWholeTable,
  NO_HANDLER,
  tryToBindHandler,
} from '../../../src/handlers/registry.js';
import { conditionSql, isWholeTable } from '../../../src/handlers/row-selection.js';

const bindPlain = (args: Readonly<Record<string, string | null>>) =>
  bind(withHandlerText(null, { name: 'plain', args: new Map(Object.entries(args)) }));
const bind = (attributes: string | null) => bindHandler('public.t', attributes, {});

test('a table without a handler is taken as it is', () => {
  expect(bind(null)).toBe(NO_HANDLER);
  expect(isWholeTable(bind('handler=londiste').selection)).toBe(true);
});

test('only handlers that leave all rows as they are can be those of a root', () => {
  const whole = (attributes: string | null) => hasWholeTable(tryToBindHandler('public.t', attributes, {}));
  const plain = (args: Readonly<Record<string, string>>) =>
    whole(withHandlerText(null, { name: 'plain', args: new Map(Object.entries(args)) }));
  expect([
    whole(null),
    whole('handler=bulk'),
    whole('handler=qtable'),
    plain({ ignore_truncate: '1' }),
  ]).toEqual([true, true, true, true]);
  expect([
    whole('handler=odd'),
    whole('handler=vtable'),
    plain({ where: 'a > 1' }),
    plain({ columns: 'a' }),
  ]).toEqual([false, false, false, false]);
});

test('names and aliases are different, and Londiste’s module names lead there too', () => {
  const names = HANDLERS.flatMap(({ name, aliases }) => [name, ...(aliases ?? [])]);
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(findHandler(`londiste.handlers.${name}`)).toBe(findHandler(name));
});

test('the arguments of every handler select rows and columns', () => {
  const { selection } = bindPlain({ where: 'a > 1', columns: 'a, b', ignore_truncate: '1' });
  expect(selection).toMatchObject({ columns: ['a', 'b'], ignoresTruncate: true });
  expect(conditionSql(selection)).toBe('(a > 1\n)');
});

test('a handler that there is not is refused with the names of those that there are', () => {
  expect(() => bind('handler=odd')).toThrow(
    expect.objectContaining({ code: 'PC410', message: expect.stringMatching(/no handler "odd".*plain/) }),
  );
});

test.each([
  [{ weher: '1' }, 'no argument "weher". It has: where, columns, ignore_truncate'],
  [{ where: null }, 'no condition'],
  [{ where: ' ' }, 'no condition'],
  [{ where: 'id in (select 1)' }, 'one row'],
  [{ columns: 'a,,b' }, 'no list of different names'],
  [{ columns: 'a,a' }, 'no list of different names'],
  [{ ignore_truncate: 'perhaps' }, 'neither 1 nor 0'],
])('the arguments %j are refused', (args, message) => {
  expect(() => bindPlain(args as Record<string, string>)).toThrow(
    expect.objectContaining({ code: 'PC410', message: expect.stringContaining(message) }),
  );
});

test('words inside of a text are no subquery', () => {
  expect(() => bindPlain({ where: "note = 'it''s select' and n > 0" })).not.toThrow();
});
