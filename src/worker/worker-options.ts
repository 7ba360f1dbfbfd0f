import type { Connect } from '../db/connect.js';
import type { HandlerSettings } from '../handlers/contract.js';
import type { ConflictPolicy } from '../replica/conflict-policy.js';
import type { Logger } from '../runtime/log.js';

/** What a worker is told at its start; nothing of it changes while it runs. */
export interface WorkerOptions {
  readonly connect: Connect;
  readonly log: Logger;
  /** Aborted when the program is to stop. */
  readonly signal: AbortSignal;
  /** Connect string of this node's database. */
  readonly conninfo: string;
  readonly queueName: string;
  /** Name under which this node's worker is registered on its provider. */
  readonly consumerName: string;
  /** Longest pause before the next look; a tick or a changed table ends it earlier. */
  readonly loopDelayMs: number;
  /** Longest pause after an error. */
  readonly exceptionSleepMs: number;
  readonly parallelCopies: number;
  /** A table with more than that is copied in ranges of about that size; see `copyInRanges`. */
  readonly copySplitBytes: number;
  /** What all copies together may read in a second; 0: as much as they can. */
  readonly copyBytesPerSecond: number;
  /** See `CopyBrake`. */
  readonly copyLagLimitMs: number;
  readonly copyLatencyLimitMs: number;
  /** `maintenance_work_mem` of the sessions that build indexes after a copy; undefined: the server's. */
  readonly indexMemory: string | undefined;
  readonly handlers: HandlerSettings;
  readonly maxBlockRows: number;
  readonly maxBlockBytes: number;
  /** See `PlanBlockPorts`. */
  readonly bulkRows: number;
  /** For tables that were told nothing else. */
  readonly conflictPolicy: ConflictPolicy;
  readonly localWmPublishPeriodMs: number;
  readonly globalWmPublishPeriodMs: number;
  /** How many values the sequences of a root are published ahead, at least. */
  readonly seqMargin: number;
  readonly statisticsPeriodMs: number;
}
