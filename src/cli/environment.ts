import { homedir, userInfo } from 'node:os';
import type { Environment } from '../db/conninfo.js';
import { type DaemonParent, daemonParent } from '../runtime/daemon.js';

/** Set in a process that was started by -d. */
export const DAEMON_VARIABLE = 'PGCASCADE_DAEMON';
/** Failpoints for tests: `name=exit|other=sleep:500`. */
export const FAILPOINTS_VARIABLE = 'PGCASCADE_FAILPOINTS';

/** The environment of this process, with the operating system's user name and home as libpq takes them. */
export function readEnvironment(): Environment {
  const environment: Environment = process.env;
  return { ...environment, USER: userName(environment), HOME: environment.HOME ?? homedir() };
}

/** The process that started this one with -d. Other programs may have started it too, for example a supervisor. */
export function backgroundParent(): DaemonParent | undefined {
  return process.env[DAEMON_VARIABLE] === undefined ? undefined : daemonParent();
}

function userName(environment: Environment): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // An account without a name, as in some containers: the variable is all there is.
    return environment.USER ?? environment.LOGNAME;
  }
}
