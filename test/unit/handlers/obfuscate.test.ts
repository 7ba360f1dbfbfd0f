import { expect, test } from 'vitest';
import { bindText } from '../../../src/handlers/registry.js';

const bind = (args: Readonly<Record<string, string>>, obfuscatorKey?: string) =>
  bindText('public.t', { name: 'obfuscate', args: new Map(Object.entries(args)) }, { obfuscatorKey })
    .selection;

test('columns that are not listed are not here, and the key is not in the SQL', () => {
  const selection = bind({ keep: 'id', hash: 'email', null: 'note', skip: 'phone' }, 'the secret');
  expect(selection.columns).toEqual(['id', 'email', 'note']);
  const sql = [...selection.values.values()].map((value) => value('"c"', 'text').sql).join(' ');
  for (const pad of selection.settings.values()) {
    expect(pad).toMatch(/^[0-9a-f]{128}$/);
    expect(sql).not.toContain(pad);
  }
  expect(bind({ hash: 'email' }, 'another').settings).not.toEqual(selection.settings);
});

test('a hash has a type that the column can have', () => {
  const value = bind({ hash: 'c' }, 'k').values.get('c');
  expect(value?.('"c"', 'integer').kind).toBe('integer');
  expect(value?.('"c"', 'uuid').sql).toMatch(/::uuid$/);
  expect(value?.('"c"', 'text').kind).toBe('text');
});

test('without hashes no key is needed', () => {
  expect(bind({ keep: 'id', null: 'note' }).settings.size).toBe(0);
});

test.each([
  [{ hash: 'a' }, 'obfuscator_key'],
  [{ keep: 'a', hash: 'a' }, 'listed twice'],
  [{ skip: 'a' }, 'No column'],
])('the arguments %j are refused', (args, message) => {
  expect(() => bind(args as unknown as Record<string, string>)).toThrow(
    expect.objectContaining({ code: 'PC410', message: expect.stringContaining(message) }),
  );
});
