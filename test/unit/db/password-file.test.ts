import { expect, test } from 'vitest';
import { findPassword } from '../../../src/db/password-file.js';

const KEY = { host: 'h', port: '5432', database: 'd', user: 'u' };

test.each([
  ['h:5432:d:u:p', 'p'],
  ['*:*:*:*:p', 'p'],
  ['other:5432:d:u:no\nh:5432:d:u:p', 'p'],
  ['# h:5432:d:u:no\n\nh:5432:d:u:p\r\n', 'p'],
  ['h:5432:d:u:first\nh:5432:d:u:second', 'first'],
  [String.raw`h:5432:d:u:a\:b\\c`, String.raw`a:b\c`],
  ['h:5432:d:u:a:b', 'a:b'],
  ['h:5432:d:u', undefined],
  ['h:5432:d:U:p', undefined],
  ['', undefined],
])('%j holds the password %j', (content, password) => {
  expect(findPassword(content, KEY)).toBe(password);
});

test('escaped colons and backslashes of the key fields match', () => {
  const key = { ...KEY, host: '::1', user: String.raw`a\b` };
  expect(findPassword(String.raw`\:\:1:*:*:a\\b:p`, key)).toBe('p');
});
