import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { SQLSTATE, sqlstateOf } from '../db/sqlstate.js';
import type { ErrorCode } from '../errors/catalogue.js';
import { readSequences } from '../replica/sequence-list.js';
import { sleep } from '../runtime/sleep.js';
import type { SnapshotPair } from './snapshot-pair.js';

const POLL_MS = 200;
/** A root publishes every two seconds, ahead of what is used. */
const PATIENCE_MS = 10_000;

export interface SequenceComparison {
  readonly name: string;
  /** Undefined when one could not be read. */
  readonly values: { readonly provider: bigint; readonly subscriber: bigint } | undefined;
  readonly verdict:
    | { readonly kind: 'equal' }
    /** It would give out values that the provider has given out already. */
    | { readonly kind: 'different' }
    | { readonly kind: 'not checked'; readonly code: ErrorCode; readonly reason: string };
}

export interface CompareSequencesOptions {
  readonly queueName: string;
  readonly sequenceNames?: readonly string[] | undefined;
  /** How long a sequence that is behind is waited for. */
  readonly sequencePatienceMs?: number | undefined;
  readonly signal: AbortSignal;
}

/**
 * Looks whether this node's sequences have come as far as the provider's were at the tick or are now, whichever is further. Sequences
 * know no snapshots and are published ahead of their use, so equal means: not behind. Waits some seconds for one that is.
 */
export async function compareSequences(
  pair: SnapshotPair,
  { queueName, sequenceNames = [], sequencePatienceMs = PATIENCE_MS, signal }: CompareSequencesOptions,
): Promise<SequenceComparison[]> {
  if (sequenceNames.length === 0) return [];
  const wanted = await pair.readers.provider.use(async (reader) => {
    const published = new Map(
      (await readSequences(reader, queueName)).map((one) => [one.name, one.lastValue]),
    );
    return readEach(sequenceNames, (name) => readSequence(reader, name, published.get(name)));
  });
  const deadline = performance.now() + sequencePatienceMs;
  for (;;) {
    const here = await pair.readers.subscriber.use((reader) =>
      readEach(sequenceNames, (name) => readSequence(reader, name)),
    );
    const found = sequenceNames.flatMap((name) => compareOne(name, wanted.get(name), here.get(name)) ?? []);
    const isBehind = found.some(({ verdict }) => verdict.kind === 'different');
    if (!isBehind || performance.now() > deadline) return found;
    await sleep(POLL_MS, signal);
    signal.throwIfAborted();
  }
}

interface SequenceState {
  readonly value: bigint;
  readonly isDescending: boolean;
}

/** Undefined for one that is gone on both sides, as after a script that dropped its table. */
function compareOne(
  name: string,
  there: SequenceState | 'gone' | undefined,
  here: SequenceState | 'gone' | undefined,
): SequenceComparison | undefined {
  if (there === 'gone' && here === 'gone') return undefined;
  if (there === undefined || here === undefined || there === 'gone' || here === 'gone') {
    const isThere = there !== undefined && there !== 'gone';
    const where = isThere ? 'this node' : 'the provider';
    const isGone = (isThere ? here : there) === 'gone';
    const reason = isGone ? `There is no such sequence on ${where}.` : `It may not be read on ${where}.`;
    return { name, values: undefined, verdict: { kind: 'not checked', code: 'PC503', reason } };
  }
  const isBehind = there.isDescending ? here.value > there.value : here.value < there.value;
  return {
    name,
    values: { provider: there.value, subscriber: here.value },
    verdict: { kind: isBehind ? 'different' : 'equal' },
  };
}

async function readEach(
  names: readonly string[],
  read: (name: string) => Promise<SequenceState | 'gone' | undefined>,
): Promise<Map<string, SequenceState | 'gone'>> {
  const found = new Map<string, SequenceState | 'gone'>();
  for (const name of names) {
    const state = await read(name);
    if (state !== undefined) found.set(name, state);
  }
  return found;
}

/** How far a sequence has come; at least as far as was published. Undefined when it may not be read. */
async function readSequence(
  reader: Connection,
  name: string,
  published?: bigint,
): Promise<SequenceState | 'gone' | undefined> {
  await reader.execute('savepoint of_sequence');
  try {
    const row = await reader.one<{ value: bigint; increment: bigint }>(
      `select s.last_value as value, q.seqincrement as increment
         from ${quoteName(name)} as s
         join pg_sequence as q on q.seqrelid = s.tableoid`,
    );
    const isDescending = row.increment < 0n;
    const isFurther =
      published !== undefined && (isDescending ? published < row.value : published > row.value);
    return { value: isFurther ? published : row.value, isDescending };
  } catch (error) {
    const sqlstate = sqlstateOf(error);
    if (sqlstate !== SQLSTATE.undefinedTable && sqlstate !== SQLSTATE.insufficientPrivilege) throw error;
    await reader.execute('rollback to savepoint of_sequence');
    return sqlstate === SQLSTATE.undefinedTable ? 'gone' : undefined;
  }
}
