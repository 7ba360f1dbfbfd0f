import type { Connection } from '../db/connection.js';
import { quoteIdentifier } from '../db/identifier.js';
import { sqlstateOf } from '../db/sqlstate.js';

/** A replicated table by its names in the queue and here. */
interface NamedTable {
  readonly tableName: string;
  readonly destTable: string;
}

export interface LateViolation {
  /** The table's name in the queue. */
  readonly tableName: string;
  readonly message: string;
}

const VIOLATIONS = ['23505', '23P01'];

/**
 * Checks the deferred keys of this transaction now. Returns the replicated table on which one does not hold, which may be on a
 * partition of it; undefined when all do. The transaction has not failed then. Throws whatever else the server says.
 */
export async function findLateViolation(
  tx: Connection,
  tables: Iterable<NamedTable>,
): Promise<LateViolation | undefined> {
  try {
    await tx.execute('savepoint pgc_deferred; set constraints all immediate; release savepoint pgc_deferred');
    return undefined;
  } catch (error) {
    if (!VIOLATIONS.includes(sqlstateOf(error) ?? '')) throw error;
    const { schema, table, message } = error as { schema?: string; table?: string; message: string };
    if (schema === undefined || table === undefined) throw error;
    await tx.execute('rollback to savepoint pgc_deferred; release savepoint pgc_deferred');
    const names = await tableAndAbove(tx, schema, table);
    const found = [...tables].find(({ destTable }) => names.includes(destTable));
    if (found === undefined) throw error;
    return { tableName: found.tableName, message };
  }
}

/** The table's name and those of all that it is a part of, the nearest first. */
async function tableAndAbove(tx: Connection, schema: string, table: string): Promise<string[]> {
  const rows = await tx.query<{ name: string }>(
    `with recursive above(relation, depth) as (
         select to_regclass($1)::oid, 0
         union all
         select i.inhparent, a.depth + 1 from above as a join pg_inherits as i on i.inhrelid = a.relation
     )
     select n.nspname || '.' || c.relname as name
       from above as a
       join pg_class as c on c.oid = a.relation
       join pg_namespace as n on n.oid = c.relnamespace
      order by a.depth`,
    [`${quoteIdentifier(schema)}.${quoteIdentifier(table)}`],
  );
  return rows.map(({ name }) => name);
}
