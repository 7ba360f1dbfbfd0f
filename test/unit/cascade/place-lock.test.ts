import { expect, test } from 'vitest';
import type { MemberSessions } from '../../../src/cascade/member-sessions.js';
import { lockPlaces } from '../../../src/cascade/place-lock.js';

/** Sessions that get their locks and are lost, unnoticed, before these are given back. */
function lostSessions(): MemberSessions {
  const connection = {
    isOpen: true,
    one: async () => ({ locked: true }),
    query: async () => {
      throw new Error('lost');
    },
  };
  return {
    queueName: 'app',
    signal: undefined,
    look: async () => ({ connection }),
  } as unknown as MemberSessions;
}

test('what failed is told, and not that the locks went with their sessions', async () => {
  const work = async () => {
    await using _ = await lockPlaces(lostSessions(), ['root', 'branch']);
    throw new Error('what failed');
  };
  await expect(work()).rejects.toThrow(/^what failed$/);
});
