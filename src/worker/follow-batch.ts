import type { Connection } from '../db/connection.js';
import { type Batch, finishBatch } from '../queue/batches.js';
import { type BlockLimits, readEvents } from '../queue/read-events.js';
import { applyControlEvent } from './control-event.js';

export interface FollowBatchPorts {
  readonly provider: Connection;
  readonly subscriber: Connection;
  readonly consumerName: string;
  readonly reading: BlockLimits;
  readonly signal: AbortSignal;
}

/**
 * Goes past a batch whose rows this database has already, by the combined queue: only what it says about members and
 * tables of its own cascade is taken over, and it is closed on the provider. The position is not changed.
 *
 * May be repeated with the same batch, also after a crash.
 */
export async function followBatch(ports: FollowBatchPorts, batch: Batch): Promise<void> {
  const { provider, subscriber, consumerName, reading, signal } = ports;
  await subscriber.transaction(async (tx) => {
    for await (const block of readEvents(provider, batch, { ...reading, onlyControl: true })) {
      signal.throwIfAborted();
      for (const event of block) {
        const context = { consumerName, endTick: batch.endTick, leaveOut: () => undefined };
        await applyControlEvent(tx, batch.queueName, event, context);
      }
    }
  });
  await finishBatch(provider, batch);
}
