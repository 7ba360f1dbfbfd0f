import { expect, test } from 'vitest';
import { percentText, sizeText } from '../../../src/observe/size-text.js';

test.each([
  [0n, '0 bytes'],
  [1023n, '1023 bytes'],
  [1024n, '1.0 kB'],
  [8n * 1024n ** 2n, '8.0 MB'],
  [120n * 1024n ** 3n, '120 GB'],
  [5000n * 1024n ** 4n, '5000 TB'],
])('%s bytes are told as %s', (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

test('a share is told as over the budget exactly when it is', () => {
  expect([0, 0.999, 1, 1.0001, 2.5].map(percentText)).toEqual(['0 %', '99 %', '100 %', '101 %', '250 %']);
});
