import type { TargetTable } from '../apply/target-table.js';
import type { Connection } from '../db/connection.js';
import { quoteIdentifier, quoteName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { CopyTarget } from './contract.js';
import type { DispatchSettings } from './dispatch-settings.js';
import { fieldHere } from './field-map.js';
import { type PartTime, periodStart, readPartTime } from './partition-period.js';
import type { Partitions } from './partitions.js';

const STAGE = 'pg_temp.pgcascade_copy';

/**
 * Copied rows on their way into partitions. By a field of the rows they go through a temporary table, since COPY writes
 * one table; by any time they go into the partition of the time of the copy, for theirs is not known.
 */
export async function openPartitionedCopy(
  tx: Connection,
  parent: TargetTable,
  settings: DispatchSettings,
  partitions: Partitions,
  columns: readonly string[],
): Promise<CopyTarget> {
  const here = columns.map((name) => fieldHere(settings.fields, name)).filter((name) => name !== undefined);
  const names = here.map(quoteIdentifier).join(', ');
  const empty = async () => {
    await tx.execute(`truncate ${quoteName(parent.destTable)}`);
  };
  const { partField } = settings;
  if (settings.tableMode === 'direct') {
    return { tableSql: parent.nameSql, empty, finish: () => Promise.resolve() };
  }
  if (partField === undefined) {
    const { now } = await tx.one<{ now: string }>('select now()::text as now');
    const time = readPartTime(now, true) as PartTime;
    const name = partitions.nameOf(time);
    await partitions.open(name, time);
    return {
      tableSql: quoteName(name),
      empty,
      finish: async () => {
        await tx.execute(`analyze ${quoteName(name)}`);
      },
    };
  }
  await tx.execute(
    `create temporary table pgcascade_copy on commit drop as select ${names} from only ${parent.nameSql} with no data`,
  );
  return {
    tableSql: STAGE,
    empty,
    finish: () => spread(tx, parent, settings, partitions, names),
  };
}

async function spread(
  tx: Connection,
  { queueTable }: TargetTable,
  settings: DispatchSettings,
  partitions: Partitions,
  names: string,
): Promise<void> {
  const { period, ignoresOldEvents } = settings;
  const field = quoteIdentifier(settings.partField ?? '');
  await tx.execute(`create index on ${STAGE} (${field}); analyze ${STAGE}`);
  const periods = await tx.query<{ text: string | null }>(
    `select distinct case when isfinite(${field}) then date_trunc('${period}', ${field}::timestamp)::text end as text
       from ${STAGE} order by 1`,
  );
  for (const { text } of periods) {
    const time = text === null ? undefined : readPartTime(text, false);
    if (time === undefined) {
      throw new ReplicateError(
        'PC403',
        `A row has no time in ${settings.partField} that a partition could be of.`,
        {
          table: queueTable,
        },
      );
    }
    const name = partitions.nameOf(time);
    const { isObsolete } = await partitions.open(name, time);
    if (isObsolete && ignoresOldEvents) continue;
    // As the staged column is: a time zone would shift the bounds.
    const start = `'${periodStart(time, period)}'::timestamp`;
    await tx.execute(
      `insert into ${quoteName(name)} (${names}) overriding system value select ${names} from ${STAGE} ` +
        `where ${field} >= ${start} and ${field} < ${start} + interval '1 ${period}'`,
    );
    await tx.execute(`analyze ${quoteName(name)}`);
  }
  await partitions.dropObsolete();
  await tx.execute(`drop table ${STAGE}`);
}
