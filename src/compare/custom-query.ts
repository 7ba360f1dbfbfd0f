import type { Connection, Row } from '../db/connection.js';
import { quoteIdentifier, quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { isWholeTable } from '../handlers/row-selection.js';
import type { Sides } from './canonical-value.js';
import type { ReaderPool } from './reader-pool.js';
import type { SidePlan, TablePlan } from './table-plan.js';
import { hasItsFiles } from './table-shape.js';

/** `compare_sql` and `compare_fmt` of Londiste. */
export interface CustomQuery {
  /** Gives one row; `_TABLE_` stands for the table's name, `_COLS_` for a row of the compared columns. */
  readonly sql: string;
  /** How the row is shown, with `%(column)s` or `%(column)d`; undefined: as JSON. */
  readonly format: string | undefined;
}

/**
 * Runs the query on both sides at the tick. Whether its result depends on version and session is for who wrote it to
 * know. Throws PC503 where the subscriber has not the same rows as the provider, and what the server throws.
 */
export async function runCustomQuery(
  plan: TablePlan & { readonly otherSources?: unknown },
  readers: Sides<ReaderPool>,
  query: CustomQuery,
): Promise<Sides<string>> {
  const { provider, subscriber } = plan.sides;
  if (!isWholeTable(provider.selection) || (plan.otherSources as readonly unknown[] | undefined)?.length) {
    throw new ReplicateError(
      'PC503',
      'compare_sql looks at whole tables, and the rows here are not those of one table of the provider.',
    );
  }
  const [there, here] = await Promise.all([
    readers.provider.use((reader) => runOn(reader, plan, provider, query)),
    readers.subscriber.use((reader) => runOn(reader, plan, subscriber, query)),
  ]);
  return { provider: there, subscriber: here };
}

async function runOn(
  reader: Connection,
  { columns }: TablePlan,
  side: SidePlan,
  { sql, format }: CustomQuery,
): Promise<string> {
  const row = `row(${columns.map(({ name }) => quoteIdentifier(name)).join(', ')})`;
  const text = sql
    .replaceAll('_TABLE_', () => quoteName(side.shape.destTable))
    .replaceAll('_COLS_', () => row);
  const result = await reader.one<Row>(text);
  if (!(await hasItsFiles(reader, side.shape))) {
    throw new ReplicateError(
      'PC503',
      `Table ${side.shape.destTable} at ${reader.target} was truncated or rewritten meanwhile.`,
    );
  }
  return formatRow(result, format);
}

/** Pure. A name in the format that the row does not have stays as it is. */
export function formatRow(row: Row, format: string | undefined): string {
  const texts = new Map(
    Object.entries(row).map(([name, value]) => [name, value === null ? 'null' : String(value)]),
  );
  if (format === undefined) return JSON.stringify(Object.fromEntries(texts));
  return format
    .replaceAll(/%\((\w+)\)[-+ 0-9.]*[a-z]/gi, (whole, name: string) => texts.get(name) ?? whole)
    .replaceAll('%%', '%');
}
