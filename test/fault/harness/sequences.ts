import type { Connection } from '../../../src/db/connection.js';
import { NUMBERED_COLUMNS } from './workload-tables.js';

const POSITIONS = NUMBERED_COLUMNS.map(
  ({ sequence }) => `select '${sequence}' as name, pg_sequence_last_value('${sequence}') as value`,
).join(' union all ');

const BEHIND = NUMBERED_COLUMNS.map(
  ({ sequence, table, column }) => `
    select '${sequence} stands at ' || coalesce(s.value::text, 'its start') || ' and ${table} has ' || t.value as text
      from (select max(${column}) as value from public.${table}) as t, pg_sequence_last_value('${sequence}') as s (value)
     where t.value > coalesce(s.value, 0)`,
).join(' union all ');

/** The sequences of one node as one session sees them: a crash may take back what no commit has made lasting, so it ends with the session. */
export class SequenceWatch {
  readonly #connection: Connection;
  readonly #seen = new Map<string, bigint>();

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Returns those that have gone back since the last look. */
  async look(): Promise<string[]> {
    const found = await this.#connection.query<{ name: string; value: bigint | null }>(POSITIONS);
    return found.flatMap(({ name, value }) => {
      const before = this.#seen.get(name);
      if (value !== null) this.#seen.set(name, value);
      return before !== undefined && (value === null || value < before)
        ? [`sequence ${name} went back from ${before} to ${value}`]
        : [];
    });
  }
}

/** Sequences that would give out a value once more that a row has. */
export async function sequencesBehind(connection: Connection): Promise<string[]> {
  const found = await connection.query<{ text: string }>(BEHIND);
  return found.map(({ text }) => text);
}
