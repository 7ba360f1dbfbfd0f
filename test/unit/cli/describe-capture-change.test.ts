import { expect, test } from 'vitest';
import { describeCaptureChange } from '../../../src/cli/describe-capture-change.js';

const difference = { gained: ['column a', 'updates'], lost: ['column b'], hasRowsNow: false };

test('the nodes are named in the order in which they are copied anew, those that did not answer last', () => {
  const nodes = { levels: [['branch'], ['leaf', 'other', 'third']], unreachable: ['far'] };
  expect(describeCaptureChange('public.t', difference, nodes)).toEqual([
    'public.t: not sent before, sent from now on: column a; updates. What was written till now stays missing or old on the nodes below: ' +
      'run "resync public.t" on branch, then on leaf, other and third, and on far, which could not be asked, where the table is replicated.',
    'public.t: not sent any more: column b. The nodes below keep what they have of it as it is now; they need no resync.',
  ]);
});

test('nothing is said when no node has the table', () => {
  expect(describeCaptureChange('public.t', difference, { levels: [], unreachable: [] })).toEqual([]);
});

test('rows that were events only are told as too many', () => {
  const rows = { gained: [], lost: [], hasRowsNow: true };
  const lines = describeCaptureChange('public.t', rows, { levels: [['leaf']], unreachable: [] });
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatch(/have rows that are not here\. .*run "resync public\.t" on leaf\.$/);
});
