import { afterEach, expect, test } from 'vitest';
import { failpoint, parseFailpoints, setFailpoints } from '../../../src/runtime/failpoint.js';

afterEach(() => setFailpoints(new Map()));

test('a failpoint does nothing unless it is switched on', async () => {
  setFailpoints(parseFailpoints('other=error'));
  await failpoint('here');
});

test('a failpoint that is switched on throws', async () => {
  setFailpoints(parseFailpoints('here=error|there=sleep:1'));
  await failpoint('there');
  await expect(failpoint('here')).rejects.toThrow('Failpoint here');
});

test('all actions are read', () => {
  expect(parseFailpoints('a=exit|b=sleep:500,c=error|d=exit@12')).toEqual(
    new Map([
      ['a', { kind: 'exit' }],
      ['b', { kind: 'sleep', ms: 500 }],
      ['c', { kind: 'error' }],
      ['d', { kind: 'exit', time: 12 }],
    ]),
  );
  expect(parseFailpoints('')).toEqual(new Map());
});

test.each(['a', 'a=', 'a=sleep', 'a=boom', '=exit', 'a=error@2', 'a=exit@'])('%s is refused', (text) => {
  expect(() => parseFailpoints(text)).toThrow('is no failpoint');
});
