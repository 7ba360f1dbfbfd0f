import { withTableLock } from '../capture/with-table-lock.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import type { Logger } from '../runtime/log.js';
import { notePutBackError } from './put-back-error.js';

/**
 * Subscribers whose role may not set session_replication_role. What would act on the rows that replication writes (foreign
 * keys, user triggers, rules) is taken off their tables and remembered, each in one transaction with its record, and put back
 * when nobody writes the tables that way any more. Our own triggers know the worker by the mark of `beginReplication`.
 */

const LOCK_PATIENCE_MS = 60_000;

interface Acting extends Record<string, unknown> {
  readonly table_name: string;
  readonly relation: number;
  readonly holder: string;
  readonly kind: 'trigger' | 'rule' | 'key';
  readonly object_name: string;
  readonly refusal: string | null;
}

const ACTING =
  'select table_name, relation, holder, kind, object_name, refusal from pgcascade.acting($1, $2::text[])';

/** True when the session is none of a replica. */
export async function isUnprivileged(connection: Connection): Promise<boolean> {
  const { acts } = await connection.one<{ acts: boolean }>(
    "select current_setting('session_replication_role') <> 'replica' as acts",
  );
  return acts;
}

/**
 * Throws PC415 when a trigger, rule or foreign key acts on one of these tables of the queue. After a write to them the
 * answer holds until the end of the transaction, for its locks keep new ones away; so at the end it is true of all writes.
 */
export async function assertNothingActs(
  tx: Connection,
  queueName: string,
  tables: readonly WrittenTable[],
): Promise<void> {
  const { acts } = await tx.one<{ acts: boolean }>('select pgcascade.acts($1) as acts', [
    tables.map(({ destTable }) => destTable),
  ]);
  if (!acts) return;
  const names = tables.map(({ tableName }) => tableName);
  const [found] = await tx.query<Acting>(`${ACTING} limit 1`, [queueName, names]);
  if (found === undefined) return;
  throw new ReplicateError('PC415', `${sentence(found)} would act on rows that replication writes.`, {
    table: found.table_name,
  });
}

interface WrittenTable {
  /** In the queue. */
  readonly tableName: string;
  readonly destTable: string;
}

/** Notes that this queue's worker may not set session_replication_role, or may again. May be repeated. */
export async function noteRight(
  subscriber: Connection,
  queueName: string,
  isPrivileged: boolean,
): Promise<void> {
  await subscriber.query(
    isPrivileged
      ? 'delete from pgcascade.unprivileged_worker where queue_name = $1'
      : 'insert into pgcascade.unprivileged_worker (queue_name) values ($1) on conflict do nothing',
    [queueName],
  );
}

/**
 * Takes off what would act on the rows of these tables, or of all tables of the queue that are replicated here, and returns how many
 * things that were. Each table is one transaction, each key too; a crash loses none, and the call may be repeated.
 *
 * Throws PC204, before anything is done, for a table that belongs to another role; PC208 for one that stays locked.
 */
export async function takeOff(
  subscriber: Connection,
  queueName: string,
  tables: readonly string[] | null,
  log: Logger,
  patienceMs = LOCK_PATIENCE_MS,
): Promise<number> {
  const found = await subscriber.query<Acting>(ACTING, [queueName, tables]);
  const refused = found.find(({ refusal }) => refusal !== null);
  if (refused !== undefined) throw notAllowed(subscriber, refused);
  const holders = new Map(found.filter(({ kind }) => kind !== 'key').map((thing) => [thing.relation, thing]));
  let count = 0;
  for (const { table_name: tableName, relation, holder } of holders.values()) {
    count += await locked(subscriber, { tableName: holder, patienceMs }, async (tx) => {
      const { taken } = await tx.one<{ taken: number }>('select pgcascade.take_off($1, $2, $3) as taken', [
        queueName,
        tableName,
        relation,
      ]);
      await failpoint('take-off-triggers');
      return taken;
    });
  }
  const keys = found.filter(({ kind }) => kind === 'key');
  // A key between two of the tables is found at both.
  for (const key of new Map(keys.map((one) => [`${one.holder}\n${one.object_name}`, one])).values()) {
    count += await locked(subscriber, { tableName: key.holder, patienceMs }, async (tx) => {
      const { is_kept_off } = await tx.one<{ is_kept_off: boolean }>(
        'select pgcascade.keeps_off($1, $2) as is_kept_off',
        [queueName, key.table_name],
      );
      if (!is_kept_off) return 0;
      const { dropped } = await tx.one<{ dropped: number }>(
        'select pgcascade.take_key_off($1, $2) as dropped',
        [key.holder, key.object_name],
      );
      await failpoint('take-off-key');
      return dropped;
    });
  }
  if (count > 0) {
    log.info(
      { count },
      'Foreign keys, triggers and rules are kept off replicated tables: the role may not set session_replication_role',
    );
  }
  return count;
}

/** What putting back triggers came to. */
export interface PutBackTriggers {
  /** How many act again. */
  readonly back: number;
  /** The tables whose triggers are off still, and why. */
  readonly failed: readonly { readonly tableName: string; readonly error: unknown }[];
}

/**
 * Makes the triggers and rules act again that no worker needs to be kept off any more, each table in a transaction of its own.
 * May be repeated after a crash. What cannot be put back stays remembered; why is told by `status` and, once, logged.
 * Foreign keys are for `restoreForeignKeys`.
 */
export async function putBackTriggers(connection: Connection, log: Logger): Promise<PutBackTriggers> {
  const tables = await connection.query<{ relation: number; table_name: string }>(
    `select t.relation::oid as relation, min(t.table_name) as table_name
       from pgcascade.taken_off as t
      where not exists (select from pgcascade.kept_off_tables(null) as k(relation) where k.relation = t.relation)
      group by t.relation
      order by 2`,
  );
  let back = 0;
  const failed: { tableName: string; error: unknown }[] = [];
  for (const { relation, table_name: tableName } of tables) {
    try {
      back += await locked(connection, { tableName, patienceMs: LOCK_PATIENCE_MS }, async (tx) => {
        const { count } = await tx.one<{ count: number }>('select pgcascade.put_back($1) as count', [
          relation,
        ]);
        await failpoint('put-back-triggers');
        return count;
      });
    } catch (error) {
      if (!connection.isOpen) throw error;
      const isNews = await notePutBackError(
        connection,
        { kind: 'triggers', tableName, objectName: '' },
        error,
      );
      if (isNews) log.warn({ err: error, table: tableName }, 'Triggers cannot be put back');
      failed.push({ tableName, error });
    }
  }
  return { back, failed };
}

async function locked(
  connection: Connection,
  { tableName, patienceMs }: { readonly tableName: string; readonly patienceMs: number },
  body: (tx: Connection) => Promise<number>,
): Promise<number> {
  return withTableLock(connection, { tableName, lockTimeoutMs: patienceMs }, async (tx) => {
    // What is changed here is none of the application's changes, which captures follow.
    await tx.query("select set_config('pgcascade.following', 'on', true)");
    return body(tx);
  });
}

function notAllowed(subscriber: Connection, found: Acting): ReplicateError {
  return new ReplicateError(
    'PC204',
    `The role at ${subscriber.target} may not set session_replication_role, nor take off what then acts on replicated rows: ` +
      `${sentence(found)}, as ${found.refusal}. Either a superuser grants the one ` +
      '("grant set on parameter session_replication_role to ROLE", PostgreSQL 15 or newer; before that by installing our SQL as a superuser), ' +
      `or the role gets the table ("alter table ${found.holder} owner to ROLE").`,
    { table: found.table_name },
  );
}

function sentence({ kind, object_name: name, holder }: Acting): string {
  return `${kind === 'key' ? 'Foreign key' : kind === 'rule' ? 'Rule' : 'Trigger'} "${name}" of table ${holder}`;
}
