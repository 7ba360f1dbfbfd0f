import type { Connect } from '../db/connect.js';
import type { Logger } from '../runtime/log.js';

/** What the ticker is told to do. Times in milliseconds. */
export interface TickerOptions {
  /** Connect string of the server; the database is added to it. */
  readonly serverConninfo: string;
  /** Undefined: every database of the server that can be connected to. */
  readonly databases: readonly string[] | undefined;
  /** Where the databases are looked up. */
  readonly initialDatabase: string;
  readonly tickPeriodMs: number;
  readonly maintenancePeriodMs: number;
  readonly retryPeriodMs: number;
  readonly checkPeriodMs: number;
  readonly statisticsPeriodMs: number;
  readonly connectionLifetimeMs: number;
}

/** What the ticker works with. */
export interface TickerPorts {
  readonly connect: Connect;
  readonly log: Logger;
  readonly counts: TickerCounts;
}

/** What was done since the last statistics line. */
export interface TickerCounts {
  /** Ticks that were made. */
  ticks: number;
  /** Maintenance routines that were called. */
  maint: number;
  /** Events that were put back into their queue. */
  retry: number;
}
