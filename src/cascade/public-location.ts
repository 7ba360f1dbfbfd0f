import { randomInt } from 'node:crypto';
import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { describeConninfo } from '../db/conninfo.js';
import { ReplicateError } from '../errors/replicate-error.js';

/**
 * True when a connect string leads to the very database that `local` is connected to.
 *
 * Proved by a lock with a random key that is taken here and looked for there: names, addresses and ids may be the
 * same on a copy of a server, locks are not. Throws PC200 and the like when nothing can be reached there.
 */
export async function leadsToSameDatabase(
  local: Connection,
  conninfo: string,
  connect: Connect,
  signal?: AbortSignal,
): Promise<boolean> {
  await using remote = await connect(conninfo, { application: 'check-location', signal });
  const key = [randomInt(1, 2 ** 31), randomInt(1, 2 ** 31)];
  return await local.transaction(async (tx) => {
    await tx.query('select pg_advisory_xact_lock($1::int4, $2::int4)', key);
    const { found } = await remote.one<{ found: boolean }>(
      `select exists (
           select 1
             from pg_locks as l
             join pg_database as d on d.oid = l.database
            where l.locktype = 'advisory'
              and d.datname = current_database()
              and l.classid::int8 = $1::int8
              and l.objid::int8 = $2::int8
              and l.objsubid = 2
       ) as found`,
      key,
    );
    return found;
  });
}

/** Throws PC309 when other nodes would reach another database than this one, PC200 when they would reach none. */
export async function checkPublicLocation(
  local: Connection,
  publicLocation: string,
  connect: Connect,
  signal?: AbortSignal,
): Promise<void> {
  let same: boolean;
  try {
    same = await leadsToSameDatabase(local, publicLocation, connect, signal);
  } catch (error) {
    if (!(error instanceof ReplicateError) || error.code === 'PC103') throw error;
    throw new ReplicateError(
      error.code,
      `The public connect string of this node does not work: ${error.message}`,
      error.facts,
      { cause: error },
    );
  }
  if (!same) {
    throw new ReplicateError(
      'PC309',
      `The public connect string (${describeConninfo(publicLocation)}) leads to another database than db (${local.target}).`,
    );
  }
}
