import { expect, test } from 'vitest';
import { checkExistingNode, type WantedNode } from '../../../src/cascade/existing-node.js';
import type { NodeInfo } from '../../../src/cascade/node-info.js';
import { tickId } from '../../../src/queue/ids.js';

const leaf: NodeInfo = {
  queueName: 'q',
  nodeType: 'leaf',
  nodeName: 'new',
  workerName: 'new_worker',
  providerNode: 'old',
  providerLocation: 'dbname=old',
  lastTick: tickId(7n),
  globalWatermark: null,
  localWatermark: null,
  isPaused: false,
  isUpToDate: true,
  combinedQueue: null,
  mergedQueues: [],
};
const wanted: WantedNode = {
  queueName: 'q',
  nodeType: 'leaf',
  nodeName: 'new',
  workerName: 'new_worker',
  providerNode: 'old',
};

test('a node that is wanted as it is may be created again', () => {
  expect(() => checkExistingNode(leaf, wanted, 'db')).not.toThrow();
});

test.each([
  ['name', { nodeName: 'other' }, /it is named "new"/],
  ['type', { nodeType: 'root' as const }, /it is a leaf/],
  ['provider', { providerNode: 'other' }, /its provider is "old"/],
  ['worker', { workerName: 'other' }, /its worker is "new_worker"/],
  ['combined queue', { combinedQueue: 'all' }, /it is not merged into another queue/],
])('another %s is refused and named', (_what, change, message) => {
  expect(() => checkExistingNode(leaf, { ...wanted, ...change }, 'db')).toThrow(message);
});

test('a root is its own provider, so only its name is told', () => {
  const root: NodeInfo = { ...leaf, nodeType: 'root', providerNode: 'new' };
  const other: WantedNode = { ...wanted, nodeType: 'root', nodeName: 'other', providerNode: 'other' };
  expect(() => checkExistingNode(root, other, 'db')).toThrow(/already: it is named "new"\.$/);
});

test('a leaf that is merged into a queue is not one that is merged into none', () => {
  const merged: NodeInfo = { ...leaf, combinedQueue: 'all' };
  expect(() => checkExistingNode(merged, wanted, 'db')).toThrow(/it is merged into the queue "all"/);
  expect(() => checkExistingNode(merged, { ...wanted, combinedQueue: 'all' }, 'db')).not.toThrow();
});
