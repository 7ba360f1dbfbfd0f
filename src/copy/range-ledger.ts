import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { SecondaryIndex } from './secondary-indexes.js';

/** A table whose copy is under way in ranges. */
export interface RangedCopy {
  readonly copyId: bigint;
  /** The table here. */
  readonly destOid: number;
  readonly providerNode: string;
  /** `PagedTable.file` of the provider's table. */
  readonly sourceFile: string;
  /** Names on the provider. */
  readonly columns: readonly string[];
  readonly rangePages: bigint;
  readonly rangeCount: number;
  /** To be built when the rows are there. */
  readonly indexes: readonly DroppedIndex[];
  /** A script has changed the table here. */
  readonly isStale: boolean;
}

export type DroppedIndex = Omit<SecondaryIndex, 'drop'>;

/** What the finished ranges of a copy have come to. */
export interface FinishedRanges {
  readonly numbers: ReadonlySet<number>;
  readonly rows: number;
  readonly bytes: number;
}

/** The copy of a table that is recorded here; undefined when there is none. */
export async function readRangedCopy(
  subscriber: Connection,
  queueName: string,
  tableName: string,
): Promise<RangedCopy | undefined> {
  const [row] = await subscriber.query<{
    copy_id: bigint;
    dest_oid: number;
    provider_node: string;
    source_file: string;
    column_names: string[];
    range_pages: bigint;
    range_count: number;
    dropped_ddl: string;
    is_stale: boolean;
  }>('select * from pgcascade.ranged_copy where queue_name = $1 and table_name = $2', [queueName, tableName]);
  if (row === undefined) return undefined;
  return {
    copyId: row.copy_id,
    destOid: row.dest_oid,
    providerNode: row.provider_node,
    sourceFile: row.source_file,
    columns: row.column_names,
    rangePages: row.range_pages,
    rangeCount: row.range_count,
    indexes: JSON.parse(row.dropped_ddl) as DroppedIndex[],
    isStale: row.is_stale,
  };
}

/** Records a copy that begins, in the transaction that empties the table and takes the indexes off. */
export async function beginRangedCopy(
  tx: Connection,
  queueName: string,
  tableName: string,
  destTable: string,
  copy: Omit<RangedCopy, 'copyId' | 'destOid' | 'isStale'>,
): Promise<RangedCopy> {
  const { copy_id, dest_oid } = await tx.one<{ copy_id: bigint; dest_oid: number }>(
    `insert into pgcascade.ranged_copy
            (queue_name, table_name, provider_node, source_file, column_names, range_pages, range_count, dropped_ddl,
             dest_oid, dest_name)
     select $1, $2, $3, $4, $5, $6, $7, $8, t.oid, t.oid::regclass::text
       from pg_class as t
      where t.oid = $9::regclass
     returning copy_id, dest_oid`,
    [
      queueName,
      tableName,
      copy.providerNode,
      copy.sourceFile,
      copy.columns,
      copy.rangePages,
      copy.rangeCount,
      JSON.stringify(copy.indexes.map(({ name, create, finish }) => ({ name, create, finish }))),
      quoteName(destTable),
    ],
  );
  return { ...copy, copyId: copy_id, destOid: dest_oid, isStale: false };
}

/** The ranges whose rows are here. */
export async function readFinishedRanges(
  subscriber: Connection,
  { copyId }: RangedCopy,
): Promise<FinishedRanges> {
  const rows = await subscriber.query<{ range_no: number; row_count: bigint; byte_count: bigint }>(
    'select range_no, row_count, byte_count from pgcascade.copied_range where copy_id = $1',
    [copyId],
  );
  return {
    numbers: new Set(rows.map(({ range_no }) => range_no)),
    rows: rows.reduce((sum, { row_count }) => sum + Number(row_count), 0),
    bytes: rows.reduce((sum, { byte_count }) => sum + Number(byte_count), 0),
  };
}

/** Records a range, in the transaction of its rows. Throws PC502 when the copy is not to go on. */
export async function noteRange(
  tx: Connection,
  { copyId }: RangedCopy,
  range: { readonly number: number; readonly rows: number; readonly bytes: number },
): Promise<void> {
  await assertGoesOn(tx, copyId);
  await tx.execute(
    'insert into pgcascade.copied_range (copy_id, range_no, row_count, byte_count) values ($1, $2, $3, $4) on conflict do nothing',
    [copyId, range.number, range.rows, range.bytes],
  );
}

/** Forgets a copy whose rows and indexes are all here, in the transaction that says so. Throws PC502 when it is not to go on. */
export async function endRangedCopy(tx: Connection, { copyId }: RangedCopy): Promise<void> {
  // A script that is committing is waited for, and then seen.
  const ended = await tx.execute('delete from pgcascade.ranged_copy where copy_id = $1 and not is_stale', [
    copyId,
  ]);
  if (ended === 0) await assertGoesOn(tx, copyId);
  // A session of a replica does not cascade.
  await tx.execute('delete from pgcascade.copied_range where copy_id = $1', [copyId]);
}

/** Empties the table and builds what was taken off, so that a copy of any kind may begin. Nothing happens when there is no such copy. */
export async function undoRangedCopy(tx: Connection, queueName: string, tableName: string): Promise<void> {
  await tx.query('select pgcascade.undo_ranged_copy($1, $2, true)', [queueName, tableName]);
}

/** Copies in ranges of other queues into a table here: what they have of it is a part of its rows. */
export async function readOtherRangedCopies(
  subscriber: Connection,
  queueName: string,
  destTable: string,
): Promise<readonly { readonly queueName: string; readonly tableName: string }[]> {
  return subscriber.query<{ queueName: string; tableName: string }>(
    `select c.queue_name as "queueName", c.table_name as "tableName"
       from pgcascade.ranged_copy as c
      where c.dest_oid = to_regclass($2)
        and c.queue_name <> $1`,
    [queueName, quoteName(destTable)],
  );
}

/** True when the role may record one. */
export async function mayRecordRangedCopy(subscriber: Connection): Promise<boolean> {
  const { may } = await subscriber.one<{ may: boolean }>(
    "select has_table_privilege('pgcascade.ranged_copy', 'insert') as may",
  );
  return may;
}

/** Has the copies of tables that a script has changed begin anew, in the script's transaction. */
export async function markStale(
  tx: Connection,
  queueName: string,
  tableNames: readonly string[],
): Promise<void> {
  await tx.query('select pgcascade.mark_ranged_copies($1, $2)', [queueName, tableNames]);
}

async function assertGoesOn(tx: Connection, copyId: bigint): Promise<void> {
  const [copy] = await tx.query<{ is_stale: boolean; table_name: string }>(
    'select is_stale, table_name from pgcascade.ranged_copy where copy_id = $1 for key share',
    [copyId],
  );
  if (copy === undefined || copy.is_stale) {
    throw new ReplicateError(
      'PC502',
      copy === undefined
        ? 'The table was removed or reset while it was copied.'
        : `Table ${copy.table_name} was changed by a script while it was copied.`,
    );
  }
}
