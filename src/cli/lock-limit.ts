import type { Connect } from '../db/connect.js';
import type { CommandContext } from './command.js';

/** For ini files that have 0: a command never waits for ever. */
const DEFAULT_MS = 10_000;

/**
 * Opens sessions in which no statement waits longer for a lock than `lock_timeout` of the ini file: a worker that was stopped
 * in the middle of a transaction holds what it has locked. The wait ends with PC208 then.
 */
export function withLockLimit({ connect, config }: Pick<CommandContext, 'connect' | 'config'>): Connect {
  const limitMs = config.lockTimeoutMs > 0 ? config.lockTimeoutMs : DEFAULT_MS;
  return async (conninfo, options) => {
    const connection = await connect(conninfo, options);
    try {
      await connection.query("select set_config('lock_timeout', $1, false)", [`${limitMs}ms`]);
    } catch (error) {
      await connection.close();
      throw error;
    }
    return connection;
  };
}
