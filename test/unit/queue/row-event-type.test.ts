import { expect, test } from 'vitest';
import { parseRowEventType } from '../../../src/queue/decode/row-event-type.js';

test.each([
  [
    '{"op":"INSERT","table":["public","t"],"pkey":["id"]}',
    { operation: 'insert', format: 'json', keyColumns: ['id'] },
  ],
  ['{"op":"UPDATE","table":["a","b"],"pkey":[]}', { operation: 'update', format: 'json', keyColumns: [] }],
  ['{"op":"DELETE","table":["a","b"]}', { operation: 'delete', format: 'json', keyColumns: [] }],
  [
    '{"op":"TRUNCATE","table":["a","b"],"pkey":["x","y"]}',
    { operation: 'truncate', format: 'json', keyColumns: ['x', 'y'] },
  ],
  ['I:b,a', { operation: 'insert', format: 'urlencoded', keyColumns: ['b', 'a'] }],
  ['U:id', { operation: 'update', format: 'urlencoded', keyColumns: ['id'] }],
  ['D:', { operation: 'delete', format: 'urlencoded', keyColumns: [] }],
  ['I', { operation: 'insert', format: 'sql', keyColumns: [] }],
  ['R', { operation: 'truncate', format: 'sql', keyColumns: [] }],
])('%s is read as a row event', (type, expected) => {
  expect(parseRowEventType(type)).toEqual(expected);
  expect(parseRowEventType(type)).toBe(parseRowEventType(type));
});

test.each([
  'EXECUTE',
  'pgq.tick-id',
  'londiste.add-table',
  'R:id',
  'IU:id',
  '',
  '{',
  '{"op":"MERGE"}',
  'null',
])('%s is no row event', (type) => {
  expect(parseRowEventType(type)).toBeUndefined();
});
