import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { sqlstateOf } from '../db/sqlstate.js';
import type { Logger } from '../runtime/log.js';

interface MaintenanceOperation {
  readonly func_name: string;
  readonly func_arg: string | null;
  readonly [column: string]: unknown;
}

/** A routine that asks to be called again more often than this in one cycle is left until the next. */
const MOST_REPEATS = 1000;

/**
 * Runs one maintenance cycle: calls every routine that `pgq.maint_operations()` names, each in a transaction of its
 * own, again as long as it returns something other than 0. Returns the number of calls.
 *
 * A routine that fails is logged and the others still run: they do not depend on each other, and each is called again
 * in the next cycle. Throws only when the connection is lost or the list itself cannot be had.
 */
export async function runMaintenance(
  connection: Pick<Connection, 'query' | 'execute'>,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  const operations = await connection.query<MaintenanceOperation>(
    'select func_name, func_arg from pgq.maint_operations()',
  );
  let calls = 0;
  for (const { func_name: routine, func_arg: argument } of operations) {
    if (signal.aborted) return calls;
    try {
      calls += await runOperation(connection, routine, argument, log, signal);
    } catch (error) {
      if (sqlstateOf(error) === undefined) throw error;
      log.error({ err: error, routine, argument }, 'Maintenance routine failed');
    }
  }
  return calls;
}

async function runOperation(
  connection: Pick<Connection, 'query' | 'execute'>,
  routine: string,
  argument: string | null,
  log: Logger,
  signal: AbortSignal,
): Promise<number> {
  if (routine === 'vacuum') {
    await connection.execute(`vacuum ${quoteName(argument ?? '')}`);
    return 1;
  }
  const call = `select ${quoteName(routine)}(${argument === null ? '' : '$1'}) as answer`;
  let calls = 0;
  while (!signal.aborted && calls < MOST_REPEATS) {
    const rows = await connection.query<{ answer: unknown }>(call, argument === null ? [] : [argument]);
    calls++;
    if (!asksAgain(rows[0]?.answer)) return calls;
  }
  if (!signal.aborted) {
    log.warn({ routine, argument, calls }, 'Maintenance routine asks to be called again and again');
  }
  return calls;
}

/** An answer that is no number, such as that of a routine that returns void, asks for nothing. */
function asksAgain(answer: unknown): boolean {
  const number = Number.parseInt(String(answer), 10);
  return !Number.isNaN(number) && number !== 0;
}
