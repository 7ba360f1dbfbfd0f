import { expect, test } from 'vitest';
import { policyOf } from '../../../src/worker/failure.js';

const ofServer = (code: string, message: string) => Object.assign(new Error(message), { code });

test.each([
  ['the worker was registered anew while it had a batch open', ofServer('P0001', 'batch not found'), 'retry'],
  ['a lock that was not to be had', ofServer('55P03', 'canceling statement due to lock timeout'), 'retry'],
  ['what else a routine raises', ofServer('P0001', 'Event queue not created yet'), 'stop-node'],
  ['what the data say', ofServer('23505', 'duplicate key'), 'stop-node'],
  ['an error that nobody has thought of', new TypeError('batch not found'), 'stop-node'],
])('%s', (_, error, policy) => {
  expect(policyOf(error)).toBe(policy);
});
