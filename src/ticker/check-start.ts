import { withDatabase } from '../db/conninfo.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { runInLanes } from '../runtime/lanes.js';
import { lookAtDatabase } from './look-at-database.js';
import type { TickerOptions, TickerPorts } from './ports.js';
import { withConnection } from './with-connection.js';

const LANES = 8;

/**
 * Connects once to every database of the configuration, before the ticker goes into the background.
 *
 * Throws what a person must mend: a wrong password, a database that does not exist. What may come right by itself, such
 * as a server that starts later, is returned as a warning.
 */
export async function checkStart(
  ports: TickerPorts,
  options: TickerOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const databases = options.databases ?? [options.initialDatabase];
  const warnings = await runInLanes(databases, LANES, signal, async (database, laneSignal) => {
    const conninfo = withDatabase(options.serverConninfo, database);
    try {
      const kind = await withConnection(ports.connect, conninfo, 'ticker-check', laneSignal, lookAtDatabase);
      const isExpected = options.databases !== undefined;
      return kind === 'no-queues' && isExpected ? `Database ${database} has no queues yet.` : undefined;
    } catch (error) {
      if (error instanceof ReplicateError && error.entry.policy === 'retry') return error.message;
      throw error;
    }
  });
  return warnings.filter((warning) => warning !== undefined);
}
