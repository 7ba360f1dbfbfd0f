import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';

/** Where a sequence stands: the next value is `lastValue` itself when none was given out. */
export interface SequencePosition {
  readonly lastValue: bigint;
  readonly isCalled: boolean;
}

/** The sequences of the queue that a node replicates, by name. One that is not there any more is left out. */
export async function readSequencePositions(
  connection: Connection,
  queueName: string,
): Promise<Map<string, SequencePosition>> {
  const listed = await connection.query<{ seq_name: string }>(
    'select seq_name from londiste.get_seq_list($1) where local',
    [queueName],
  );
  const names = listed.map(({ seq_name: name }) => name);
  const rows = await connection.query<{ name: string; value: bigint | null }>(
    `select n.name, pg_sequence_last_value(to_regclass(n.quoted)) as value
       from unnest($1::text[], $2::text[]) as n(name, quoted)
      where to_regclass(n.quoted) is not null`,
    [names, names.map(quoteName)],
  );
  const positions = new Map<string, SequencePosition>();
  for (const { name, value } of rows) {
    if (value !== null) {
      positions.set(name, { lastValue: value, isCalled: true });
      continue;
    }
    // None was given out yet: only the relation itself knows where it will begin.
    const { start } = await connection.one<{ start: bigint }>(
      `select last_value as start from ${quoteName(name)}`,
    );
    positions.set(name, { lastValue: start, isCalled: false });
  }
  return positions;
}

/**
 * Sets sequences exactly to where another node's stand, also backwards. For the moment at which a node takes the place of
 * a root that gives out no more values. A setval is not rolled back: see `raiseToPublished`. May be repeated.
 */
export async function setSequences(
  tx: Connection,
  positions: ReadonlyMap<string, SequencePosition>,
): Promise<void> {
  const entries = [...positions];
  await tx.query(
    `select setval(s.name::regclass, s.value, s.called)
       from unnest($1::text[], $2::int8[], $3::boolean[]) as s(name, value, called)`,
    [
      entries.map(([name]) => quoteName(name)),
      entries.map(([, { lastValue }]) => lastValue),
      entries.map(([, { isCalled }]) => isCalled),
    ],
  );
}

/**
 * Moves the sequences of a branch or leaf up to what its root has published, which no value that was given out there has
 * passed. For a node that has been, or is about to be, the root. May be repeated; never moves one backwards.
 */
export async function raiseToPublished(connection: Connection, queueName: string): Promise<void> {
  await connection.query(
    `select u.ret_code
       from londiste.get_seq_list($1) as s
      cross join lateral londiste.global_update_seq($1, s.seq_name, s.last_value) as u
      where s.local`,
    [queueName],
  );
}
