/** SQLSTATEs that we decide by. */
export const SQLSTATE = {
  uniqueViolation: '23505',
  lockNotAvailable: '55P03',
  insufficientPrivilege: '42501',
  undefinedTable: '42P01',
  undefinedFunction: '42883',
  undefinedSchema: '3F000',
  undefinedObject: '42704',
  invalidPassword: '28P01',
  invalidAuthorization: '28000',
  invalidCatalog: '3D000',
  tooManyConnections: '53300',
  adminShutdown: '57P01',
  crashShutdown: '57P02',
  cannotConnectNow: '57P03',
  deadlockDetected: '40P01',
  queryCanceled: '57014',
  raisedException: 'P0001',
} as const;

/** The SQLSTATE of a server error, undefined for every other error. */
export function sqlstateOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && !isSocketCode(code) ? code : undefined;
}

function isSocketCode(code: string): boolean {
  return code === 'EPIPE';
}

/**
 * True when the connection is gone or going, or the server cannot take one now: the state of the outside world,
 * not of our data. Whether the last statement was done is then unknown.
 */
export function isConnectionLoss(error: unknown): boolean {
  const state = sqlstateOf(error);
  if (state !== undefined) {
    return (
      state.startsWith('08') ||
      state === SQLSTATE.adminShutdown ||
      state === SQLSTATE.crashShutdown ||
      state === SQLSTATE.cannotConnectNow ||
      state === SQLSTATE.tooManyConnections
    );
  }
  if (!(error instanceof Error)) return false;
  const { code } = error as { code?: unknown };
  return (
    (typeof code === 'string' && /^E(CONN|PIPE|HOST|NET|TIMEDOUT|AI_|NOTFOUND)/.test(code)) ||
    /Connection terminated|connection is closed|not queryable|Client was closed|timeout expired/i.test(
      error.message,
    )
  );
}
