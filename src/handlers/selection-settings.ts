import type { Connection } from '../db/connection.js';
import type { RowSelection } from './row-selection.js';

/** Gives a session the settings that the SQL of a selection reads. May be repeated; outside of a transaction they stay. */
export async function useSettings(connection: Connection, { settings }: RowSelection): Promise<void> {
  if (settings.size === 0) return;
  await connection.query(
    'select set_config(s.name, s.value, false) from unnest($1::text[], $2::text[]) as s(name, value)',
    [[...settings.keys()], [...settings.values()]],
  );
}
