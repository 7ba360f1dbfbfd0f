import { expect, test } from 'vitest';
import type { RowRewrite } from '../../../src/apply/row-rewrite.js';
import type { Connection } from '../../../src/db/connection.js';
import { rewriteEvents } from '../../../src/handlers/rewrite-events.js';
import type { QueueEvent } from '../../../src/queue/event.js';
import { eventId } from '../../../src/queue/ids.js';

/** Drops the column `secret` and writes `id` in another way; remembers what it was asked. */
function rewriting() {
  const asked: { row: string; isKey: boolean }[] = [];
  const rewrite: RowRewrite = {
    isPartial: false,
    ignoresTruncate: false,
    changesRows: true,
    async rewrite(_tx, rows) {
      asked.push(...rows);
      return rows.map(({ row }) => {
        const { secret: _secret, ...rest } = JSON.parse(row) as Record<string, unknown>;
        return {
          row: JSON.stringify({ ...rest, ...('id' in rest ? { id: `#${rest['id']}` } : {}) }),
          isHere: true,
        };
      });
    },
  };
  return { asked, rewrite };
}

const NO_CONNECTION = undefined as unknown as Connection;

function event(fields: Partial<QueueEvent>): QueueEvent {
  return {
    id: eventId(1n),
    txid: 1n,
    type: '',
    data: null,
    extra1: 'public.t',
    extra2: null,
    extra3: null,
    extra4: null,
    ...fields,
  };
}

const type = (op: string, pkey: readonly string[]) => JSON.stringify({ op, table: ['public', 't'], pkey });

test('the data, the old row and the key of an event are those of the rewritten row', async () => {
  const { rewrite, asked } = rewriting();
  const [update, removal, keyless, truncate] = await rewriteEvents(
    NO_CONNECTION,
    [
      event({ type: type('UPDATE', ['id']), data: '{"id":1,"secret":"x"}', extra3: '1' }),
      event({ type: type('DELETE', ['id', 'b']), data: '{"id":1,"b":true}', extra3: '(1,t)' }),
      event({ type: type('UPDATE', []), data: '{"v":1,"secret":"x"}', extra2: '{"v":2,"secret":"y"}' }),
      event({ type: type('TRUNCATE', []), data: '{}' }),
    ],
    rewrite,
  );
  expect(update).toMatchObject({ data: '{"id":"#1"}', extra2: null, extra3: '#1' });
  expect(removal).toMatchObject({ data: '{"id":"#1","b":true}', extra3: '(#1,t)' });
  expect(keyless).toMatchObject({ data: '{"v":1}', extra2: '{"v":2}', extra3: null });
  expect(truncate).toMatchObject({ data: '{}' });
  expect(asked.map(({ isKey }) => isKey)).toEqual([false, true, false, false]);
});

test('an event of logutriga becomes one of ours', async () => {
  const { rewrite } = rewriting();
  const [found] = await rewriteEvents(
    NO_CONNECTION,
    [event({ type: 'I:id,b', data: 'id=1&b=a+%22b&secret=x', extra1: 's.t' })],
    rewrite,
  );
  expect(found).toMatchObject({
    type: '{"op":"INSERT","table":["s","t"],"pkey":["id","b"]}',
    data: '{"id":"#1","b":"a \\"b"}',
    extra3: '(#1,"a ""b")',
  });
});

test('what cannot be read is not handed on', async () => {
  const { rewrite } = rewriting();
  const sql = event({ type: 'U', data: "secret='x' where id='1'" });
  await expect(rewriteEvents(NO_CONNECTION, [sql], rewrite)).rejects.toMatchObject({ code: 'PC410' });
  const noKey = event({ type: type('UPDATE', ['secret']), data: '{"id":1,"secret":"x"}' });
  await expect(rewriteEvents(NO_CONNECTION, [noKey], rewrite)).rejects.toMatchObject({ code: 'PC410' });
});
