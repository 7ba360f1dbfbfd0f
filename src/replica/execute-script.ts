import { type ApiAnswer, callApi, callRoutine } from '../cascade/call-api.js';
import type { Connection } from '../db/connection.js';
import { inScriptSession } from '../db/script-session.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import { sleep } from '../runtime/sleep.js';
import { type LockWait, LockWatch } from './lock-watch.js';
import { localTriggersRole } from './replication-role.js';
import { runStatement } from './run-statement.js';
import { type Script, statementsOf } from './script.js';
import { encodeAttributes, encodeFields } from './script-attributes.js';
import { decideScript, replaceNames } from './script-conditions.js';
import { OpenTables, WriteGuard } from './write-guard.js';

/** How long one try waits for its first lock: the application's statements that come after it wait as long. */
const TRY_MS = 1_000;
/**
 * How long it waits for a further one. The application may hold it and wait for one that the script has: the script has to
 * give up before the server, after deadlock_timeout, makes the application do so.
 */
const FURTHER_MS = 300;
const PAUSE_MS = 200;
/** Tries after the time is over as long as nobody knows who is in the way. */
const FURTHER_TRIES = 3;

/** What a script has changed in what is replicated. */
export interface FollowedChange {
  readonly queueName: string;
  /** Table or sequence. */
  readonly objectName: string;
  readonly outcome: 'renewed' | 'renamed' | 'replaced' | 'removed';
}

export type ScriptOutcome =
  | { readonly kind: 'executed'; readonly statements: number; readonly changes: readonly FollowedChange[] }
  /** Its conditions do not hold on this node. */
  | { readonly kind: 'passed-on' }
  /** It was executed before. */
  | { readonly kind: 'exists' };

export interface ExecuteOptions {
  readonly queueName: string;
  /** How long to go on trying to get the locks. */
  readonly lockTimeoutMs: number;
  /** Opens a second session on the same database. */
  readonly open: () => Promise<Connection>;
  readonly signal: AbortSignal;
}

/**
 * Executes a script on the root and hands it to all nodes at its place in the queue: after every event that was written
 * before it to the tables that it locks, before every later one. One transaction: after a crash all of it has happened or
 * nothing, and the call may be repeated.
 *
 * What it writes to tables of the queue becomes no events, for every node runs it by itself. Locks are waited for in short
 * tries, so that the application does not queue up behind them; the whole script is then begun again, with the table that
 * was not free locked first: so it finds the order in which the application locks its tables.
 *
 * Throws PC303 when this is not the root, PC407 when a statement fails or only some of the conditions hold, PC408 when another
 * script of that name was executed before, PC208 when a lock is not to be had in time.
 */
export async function executeScript(
  connection: Connection,
  script: Script,
  options: ExecuteOptions,
): Promise<ScriptOutcome> {
  const deadline = performance.now() + options.lockTimeoutMs;
  let tables: readonly string[] = [];
  let watch: LockWatch | undefined;
  let known: LockWait | undefined;
  let furtherTries = FURTHER_TRIES;
  try {
    for (;;) {
      options.signal.throwIfAborted();
      try {
        return await connection.transaction(
          (tx) => executeOnce(tx, script, options, tables),
          'begin isolation level read committed',
        );
      } catch (error) {
        if (error instanceof OpenTables) {
          tables = [...tables, ...error.tables.filter((table) => !tables.includes(table))];
          continue;
        }
        const busy = asBusy(error, script.name);
        if (busy === undefined) throw asFailure(error, script.name);
        const wait = watch?.take();
        known = wait ?? known;
        // Who is in the way is seen only while a try waits: a few more are worth a message that names it.
        if (performance.now() + PAUSE_MS >= deadline && (known !== undefined || furtherTries-- === 0)) {
          throw describeWait(busy, known, options.lockTimeoutMs);
        }
        if (wait !== undefined) tables = moveToFront(tables, wait.tableName);
        watch ??= await LockWatch.start(await options.open(), connection);
      }
      await sleep(PAUSE_MS, options.signal);
    }
  } finally {
    await watch?.[Symbol.asyncDispose]();
  }
}

function moveToFront(tables: readonly string[], table: string): readonly string[] {
  return [table, ...tables.filter((other) => other !== table)];
}

/** Notes on a node below the root that it must not run a script: its changes were made by hand. May be repeated. */
export async function skipScript(
  connection: Connection,
  queueName: string,
  name: string,
  text: string,
): Promise<'skipped' | 'exists'> {
  const { ret_code } = await callApi(connection, 'londiste.execute_start', [
    queueName,
    name,
    text,
    false,
    '',
  ]);
  return ret_code === 200 ? 'skipped' : 'exists';
}

async function executeOnce(
  tx: Connection,
  script: Script,
  { queueName, lockTimeoutMs }: ExecuteOptions,
  tables: readonly string[],
): Promise<ScriptOutcome> {
  const { name, text, attributes } = script;
  const started = await callApi<ApiAnswer>(
    tx,
    'londiste.execute_start',
    [queueName, name, text, true, encodeAttributes(attributes)],
    { 401: 'PC303' },
  );
  if (started.ret_code !== 200) {
    await assertSameScript(tx, script);
    return { kind: 'exists' };
  }
  const decision = await decideScript(tx, queueName, name, attributes);
  const run = await inScriptSession(
    tx,
    { settings: null, lockTimeoutMs: Math.max(1, Math.min(TRY_MS, lockTimeoutMs)) },
    async (session) => {
      if (decision.kind === 'skip') return { settings: session.settings, statements: 0 };
      const statements = statementsOf(name, replaceNames(text, decision.names), session.standardStrings);
      await callRoutine(tx, 'select pgcascade.begin_script($1)', [queueName]);
      await localTriggersRole(tx, queueName);
      const guard = await WriteGuard.open(tx, queueName, tables, FURTHER_MS);
      for (const statement of statements) {
        await guard.before(statement);
        await runStatement(tx, name, statement);
        await guard.after();
      }
      return { settings: session.settings, statements: statements.length };
    },
  );
  const changes = await followScript(tx, queueName, false);
  await tx.query("select set_config('pgcascade.script_settings', $1, true)", [
    encodeFields(Object.entries<string>(run.settings)),
  ]);
  await callApi(tx, 'londiste.execute_finish', [queueName, name]);
  await failpoint('script-executed');
  return decision.kind === 'skip'
    ? { kind: 'passed-on' }
    : { kind: 'executed', statements: run.statements, changes };
}

/** Brings what this database knows of its replicated tables in line with what the transaction, or with `all` anybody, has changed. */
export async function followScript(
  tx: Connection,
  queueName: string,
  all: boolean,
): Promise<FollowedChange[]> {
  const rows = await callRoutine<{
    queue_name: string;
    object_name: string;
    outcome: FollowedChange['outcome'];
  }>(tx, 'select * from pgcascade.follow_script($1, $2)', [queueName, all]);
  return rows.map((row) => ({
    queueName: row.queue_name,
    objectName: row.object_name,
    outcome: row.outcome,
  }));
}

async function assertSameScript(tx: Connection, { name, text }: Script): Promise<void> {
  const { execute_sql, queue_name } = await tx.one<{ execute_sql: string; queue_name: string }>(
    'select execute_sql, queue_name from londiste.applied_execute where execute_file = $1',
    [name],
  );
  if (execute_sql === text) return;
  throw new ReplicateError(
    'PC408',
    `Another script was executed as ${name} before, through queue "${queue_name}": give this one a name of its own.`,
    { file: name },
  );
}

/** What the server says at the end of a script: a deferred constraint does not hold, say. */
function asFailure(error: unknown, name: string): unknown {
  const state = error instanceof ReplicateError ? undefined : sqlstateOf(error);
  if (state === undefined) return error;
  const { message } = error as Error;
  return new ReplicateError(
    'PC407',
    `${name}: ${message}.`,
    { file: name, sqlstate: state },
    { cause: error },
  );
}

/** A failure that says only that somebody else was at it. */
function asBusy(error: unknown, name: string): ReplicateError | undefined {
  if (error instanceof ReplicateError) return error.code === 'PC208' ? error : undefined;
  const state = sqlstateOf(error);
  if (state !== SQLSTATE.lockNotAvailable && state !== SQLSTATE.deadlockDetected) return undefined;
  return new ReplicateError(
    'PC208',
    `${name} does not get a lock: ${(error as Error).message}.`,
    { file: name },
    { cause: error },
  );
}

function describeWait(
  busy: ReplicateError,
  wait: LockWait | undefined,
  lockTimeoutMs: number,
): ReplicateError {
  const who = wait === undefined ? '' : ` ${wait.tableName} is held by ${wait.holders}.`;
  const message = `${busy.message} Tried for ${lockTimeoutMs / 1000} s.${who}`;
  return new ReplicateError('PC208', message, { ...busy.facts, table: wait?.tableName }, { cause: busy });
}
