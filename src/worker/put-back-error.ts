import type { Connection } from '../db/connection.js';
import { describeFailure } from './failure.js';

/** What could not be put back: the triggers and rules of a table, or one foreign key, by its name and the table that has it. */
export interface NotPutBack {
  readonly kind: 'triggers' | 'key';
  readonly tableName: string;
  readonly objectName: string;
}

/**
 * Remembers for `status` why something could not be put back. True when that was not known before, so that it is logged once,
 * however often it is tried. May be repeated.
 */
export async function notePutBackError(
  connection: Connection,
  { kind, tableName, objectName }: NotPutBack,
  error: unknown,
): Promise<boolean> {
  const { is_news } = await connection.one<{ is_news: boolean }>(
    'select pgcascade.note_put_back_error($1, $2, $3, $4) as is_news',
    [kind, tableName, objectName, describeFailure(error)],
  );
  return is_news;
}
