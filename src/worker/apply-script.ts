import { type ApiAnswer, callApi, callRoutine } from '../cascade/call-api.js';
import { markStale } from '../copy/range-ledger.js';
import type { Connection } from '../db/connection.js';
import { inScriptSession } from '../db/script-session.js';
import { sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { QueueEvent } from '../queue/event.js';
import { type FollowedChange, followScript } from '../replica/execute-script.js';
import { localTriggersRole, setReplicationRole } from '../replica/replication-role.js';
import { runStatement } from '../replica/run-statement.js';
import { statementsOf } from '../replica/script.js';
import { decodeAttributes, decodeFields } from '../replica/script-attributes.js';
import { decideScript, replaceNames } from '../replica/script-conditions.js';
import { readScriptLocks, type ScriptLock } from '../replica/write-guard.js';
import { failpoint } from '../runtime/failpoint.js';
import { type PutBackKeys, putBackForScript, takeOffAfterScript } from './script-on-kept-off.js';
import { copyScriptedAnew, readWaitingColumns } from './script-on-waiting.js';

/**
 * Who reads the tables of this node waits as long behind a script that wants to lock them. Below the server's
 * deadlock_timeout, so that not a reader but the script has to give way.
 */
const LOCK_TIMEOUT_MS = 900;

/** What became of a script on this node. */
export interface AppliedScript {
  readonly name: string;
  /** `exists`: it was executed or skipped here before; `not-here`: its conditions do not hold on this node. */
  readonly kind: 'executed' | 'not-here' | 'exists';
  readonly changes: readonly FollowedChange[];
  /** Foreign keys that it should have found on its tables and that cannot be made; a sentence each, where that is news. */
  readonly problems: readonly string[];
}

/**
 * Runs the script of an EXECUTE event in the batch's transaction, at its place between the rows. Rows before it must have been
 * written; whatever is known of the tables must be read anew after it.
 *
 * Throws PC407 when the script cannot be run, PC208 when a lock is not to be had in time, PC409 when it touches a table that was
 * copied and has not caught up: that table's events before the script belong to its old shape. All of them pass, or can
 * be made to: the batch is then offered again.
 */
export async function applyScript(
  tx: Connection,
  queueName: string,
  event: QueueEvent,
): Promise<AppliedScript> {
  const name = event.extra1;
  if (name === null || event.data === null) {
    throw new ReplicateError('PC404', `Event ${event.id} is a script without name or text.`, {
      event: event.id,
    });
  }
  try {
    return await apply(tx, queueName, event, name, event.data);
  } catch (error) {
    if (error instanceof ReplicateError) {
      if (error.code !== 'PC408') throw error;
      // What no script of ours can have, one of the original can.
      throw new ReplicateError('PC407', error.message, error.facts, { cause: error });
    }
    const state = sqlstateOf(error);
    if (state === undefined || !(error instanceof Error)) throw error;
    const code = state === '55P03' || state === '40P01' ? 'PC208' : 'PC407';
    throw new ReplicateError(
      code,
      `${name}: ${error.message}.`,
      { file: name, sqlstate: state },
      { cause: error },
    );
  }
}

async function apply(
  tx: Connection,
  queueName: string,
  event: QueueEvent,
  name: string,
  text: string,
): Promise<AppliedScript> {
  const attributes = event.extra2 ?? '';
  const started = await callApi<ApiAnswer>(tx, 'londiste.execute_start', [
    queueName,
    name,
    text,
    false,
    attributes,
  ]);
  if (started.ret_code !== 200) {
    await assertNotAnother(tx, queueName, name, text);
    return { name, kind: 'exists', changes: await followScript(tx, queueName, true), problems: [] };
  }
  const decision = await decideScript(tx, queueName, name, decodeAttributes(attributes));
  let changes: readonly FollowedChange[] = [];
  let putBack: PutBackKeys | undefined;
  if (decision.kind === 'run') {
    const waiting = await readWaitingColumns(tx, queueName);
    const settings = event.extra3 === null ? null : Object.fromEntries(decodeFields(event.extra3));
    await inScriptSession(tx, { settings, lockTimeoutMs: LOCK_TIMEOUT_MS }, async ({ standardStrings }) => {
      const statements = statementsOf(name, replaceNames(text, decision.names), standardStrings);
      await callRoutine(tx, 'select pgcascade.begin_script($1)', [queueName]);
      // User triggers and foreign keys act as they did on the root; capture and deny triggers know this role, or the script.
      if (!(await setReplicationRole(tx, 'local', 'transaction'))) {
        await localTriggersRole(tx, queueName);
        putBack = await putBackForScript(tx, queueName, statements);
      }
      for (const statement of statements) await runStatement(tx, name, statement);
    });
    if (putBack === undefined) await setReplicationRole(tx, 'replica', 'session');
    const locks = await readScriptLocks(tx, queueName);
    assertInSync(locks, name);
    await markStale(tx, queueName, changedBy(locks));
    await copyScriptedAnew(tx, queueName, waiting, locks);
    changes = await followScript(tx, queueName, false);
    // By now it is known again which tables are replicated.
    if (putBack !== undefined) await takeOffAfterScript(tx, queueName, putBack);
    await tx.execute('set local lock_timeout = 0');
  }
  await callApi(tx, 'londiste.execute_finish', [queueName, name]);
  await failpoint('script-applied');
  const kind = decision.kind === 'run' ? 'executed' : 'not-here';
  return { name, kind, changes, problems: putBack?.problems ?? [] };
}

/** The same file comes through several queues of a merge; two files of one name are a mistake. */
async function assertNotAnother(
  tx: Connection,
  queueName: string,
  name: string,
  text: string,
): Promise<void> {
  const [other] = await tx.query<{ queue_name: string }>(
    `select queue_name from londiste.applied_execute
      where execute_file = $1 and queue_name <> $2 and execute_sql <> $3 and execute_sql <> ''`,
    [name, queueName, text],
  );
  if (other === undefined) return;
  throw new ReplicateError(
    'PC407',
    `Another script named ${name} was executed here through queue "${other.queue_name}", so this one cannot be.`,
    { file: name },
  );
}

/** Tables whose rows or shape the script may have changed. */
function changedBy(locks: readonly ScriptLock[]): string[] {
  return locks.filter(({ isWritten, isClosed }) => isWritten || isClosed).map(({ tableName }) => tableName);
}

/** Throws PC409. A table that waits for a shape is passed by: the script may be what it waits for. */
function assertInSync(locks: readonly ScriptLock[], name: string): void {
  const waiting = locks.filter(
    ({ mergeState }) => mergeState !== null && !['ok', 'in-copy'].includes(mergeState),
  );
  if (waiting.length === 0) return;
  const tables = waiting.map(({ tableName }) => tableName).join(', ');
  throw new ReplicateError('PC409', `${name} waits until these tables have caught up: ${tables}.`, {
    file: name,
  });
}
