import { expect, test } from 'vitest';
import { withHandlerText } from '../../../src/handlers/handler-text.js';
import { type BoundHandler, bindHandler, findHandler } from '../../../src/handlers/registry.js';

function bind(name: string, args: Readonly<Record<string, string>> = {}): BoundHandler {
  return bindHandler('public.t', withHandlerText(null, { name, args: new Map(Object.entries(args)) }), {});
}

test.each([
  ['qtable', { where: 'a > 1' }, 'no argument "where"'],
  ['qtable', { queue: 'q' }, 'no argument "queue"'],
  ['qsplitter', {}, 'needs the argument queue'],
  ['vtable', { columns: 'a' }, 'no argument "columns"'],
  ['applyfn', { func_conf: 'x' }, 'needs the argument func_name'],
  ['applyfn', { func_name: 'f', where: 'true' }, 'no argument "where"'],
  ['multimaster', {}, 'needs the argument timefield'],
  ['multimaster', { timefield: 't', altpk: 'a,a' }, 'no list of different names'],
  ['multimaster', { timefield: 't', columns: 'a' }, 'no argument "columns"'],
  ['bulk', { method: '3' }, 'method=3 is none of 0, 1, 2'],
  ['dispatch', { table_mode: 'parts' }, 'table_mode=parts is none of part, direct, ignore'],
  ['dispatch', { part_mode: 'date' }, 'part_mode=date is none of batch_time'],
  ['dispatch', { part_mode: 'date_field' }, 'needs the argument part_field'],
  ['dispatch', { period: 'week' }, 'period=week is none of hour, day'],
  ['dispatch', { row_mode: 'latest' }, 'row_mode=latest is none of plain'],
  ['dispatch', { load_mode: 'fast' }, 'load_mode=fast is none of'],
  ['dispatch', { method: '4' }, 'method=4 is none of'],
  ['dispatch', { event_types: 'I,X' }, 'no list of I, U and D'],
  ['dispatch', { part_name: '%(parent)s_%(week)s' }, 'no value %(week)s'],
  ['dispatch', { part_template: 'create table %(name)s ()' }, 'no value %(name)s'],
  ['dispatch', { fields: 'a:b:c' }, 'no list of'],
  ['dispatch', { fields: 'a:c,b:c' }, 'two columns with one name'],
  ['dispatch', { ignore_old_events: 'often' }, 'neither 1 nor 0'],
  ['dispatch', { where: 'a > 1' }, 'no argument "where"'],
  ['dispatch', { encoding: 'utf8' }, 'no argument "encoding"'],
  ['monthly_field', {}, 'needs the argument part_field'],
])('%s refuses the arguments %j', (name, args, message) => {
  expect(() => bind(name, args as Record<string, string>)).toThrow(
    expect.objectContaining({ code: 'PC410', message: expect.stringContaining(message) }),
  );
});

test('handlers say what they need of the table, the copy and the events', () => {
  expect(bind('fake_local')).toMatchObject({ name: 'vtable', needsNoTable: true, needsNoCopy: true });
  expect(bind('qtable')).toMatchObject({ needsNoCopy: true, triggers: 'inserts only' });
  expect(bind('qsplitter', { queue: 'q' })).toMatchObject({ needsNoTable: true, needsEventTime: true });
  const applyfn = bind('applyfn', { func_name: 'app.f' });
  expect(applyfn).toMatchObject({ needsEventTime: true, notComparable: expect.stringContaining('app.f') });
  expect(applyfn.needsNoCopy).toBeUndefined();
  expect(bind('multimaster', { timefield: 't' })).toMatchObject({ triggers: 'none on a leaf' });
  expect(bind('bulk', { method: '1' }).takeOver).toBeUndefined();
});

test('dispatch reads times of events only when it goes by them, and is compared where that means something', () => {
  expect(bind('dispatch')).toMatchObject({ hasParts: true });
  expect(bind('dispatch').needsEventTime).toBeUndefined();
  expect(bind('dispatch').notComparable).toBeUndefined();
  expect(bind('dispatch', { part_mode: 'event_time' }).needsEventTime).toBe(true);
  expect(bind('direct').hasParts).toBeUndefined();
  for (const args of [
    { row_mode: 'keep_all' },
    { row_mode: 'keep_latest' },
    { event_types: 'I' },
    { load_mode: 'bulk', method: '3' },
    { retention_period: '1 year' },
    { skip_fields: 'a' },
    { table_mode: 'ignore' },
  ]) {
    expect(
      bind('dispatch', args as Record<string, string>).notComparable,
      JSON.stringify(args),
    ).toBeDefined();
  }
  // The last version of each row is the row where there is one period only.
  expect(bind('direct', { row_mode: 'keep_latest' }).notComparable).toBeUndefined();
});

test('every preset of Londiste is there, and its arguments can be given anew', () => {
  for (const load of ['', 'bulk_']) {
    for (const period of ['hourly', 'daily', 'monthly', 'yearly']) {
      for (const mode of ['event', 'batch', 'field', 'time']) {
        const args: Record<string, string> = mode === 'field' ? { part_field: 'at' } : {};
        const handler = bind(`${load}${period}_${mode}`, args);
        expect(handler.notComparable).toContain('keep_latest');
        expect(handler.needsEventTime).toBe(mode === 'event' ? true : undefined);
        expect(
          bind(`${load}${period}_${mode}`, { ...args, row_mode: 'plain' }).notComparable,
        ).toBeUndefined();
      }
    }
  }
  for (const name of ['bulk_direct', 'direct']) expect(findHandler(name).presetOf).toBe('dispatch');
});

test('columns have other names or none here', () => {
  const here = (args: Readonly<Record<string, string>>) =>
    ['a', 'b', 'c'].map((name) => bind('dispatch', args).columnHere?.(name));
  expect(bind('dispatch', { fields: '*' }).columnHere).toBeUndefined();
  expect(here({ fields: 'a, b:bb' })).toEqual(['a', 'bb', undefined]);
  expect(here({ fields: '*,b:bb', skip_fields: 'c' })).toEqual(['a', 'bb', undefined]);
});
