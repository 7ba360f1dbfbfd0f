import type { Connection } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';

export type WriteKind = 'inserts' | 'updates' | 'deletes';

/** What of the writes to one table its triggers make events of. */
export interface CapturedWrites {
  /** Empty: nothing is captured. */
  readonly writes: readonly WriteKind[];
  /** Columns that are in no event. */
  readonly ignored: readonly string[];
  /** Only rows for which this is true. */
  readonly condition: string | undefined;
  /** Arguments that put another content into the event than the row. */
  readonly content: readonly string[];
  /** A write becomes an event and no row. */
  readonly isEventOnly: boolean;
  /** Every write is refused. */
  readonly isDenied: boolean;
}

/** What generated triggers capture. */
export const ALL_WRITES: CapturedWrites = {
  writes: ['inserts', 'updates', 'deletes'],
  ignored: [],
  condition: undefined,
  content: [],
  isEventOnly: false,
  isDenied: false,
};

/** Reads it from the table's triggers, whoever made them: generated ones, or one of PgQ for this queue. Changes nothing. */
export async function readCapturedWrites(
  connection: Connection,
  queueName: string,
  tableName: string,
  destTable: string,
): Promise<CapturedWrites> {
  const { isGenerated } = await connection.one<{ isGenerated: boolean }>(
    `select exists (
        select from pgcascade.capture_plan
         where queue_name = $1 and table_name = $2 and purpose = 'capture' and mode not in ('trigger', 'none')
     ) as "isGenerated"`,
    [queueName, tableName],
  );
  if (isGenerated) return ALL_WRITES;
  const [trigger] = await connection.query<{ tgtype: number; args: string[]; columns: string[] }>(
    // Arguments are stored one after the other, each with a zero byte behind it. `ev_extra1=` with the table's name is said anyway.
    String.raw`select t.tgtype,
            array(select convert_from(decode(a.arg, 'escape'), getdatabaseencoding())
                    from unnest(s.args[2:]) with ordinality as a(arg, position)
                   where a.arg <> '' and a.arg <> 'ev_extra1=' || quote_literal($3)
                   order by a.position) as args,
            array(select c.attname::text from pg_attribute as c where c.attrelid = t.tgrelid and c.attnum > 0) as columns
       from pg_trigger as t
       join pg_proc as p on p.oid = t.tgfoid
       join pg_namespace as n on n.oid = p.pronamespace
      cross join lateral string_to_array(encode(t.tgargs, 'escape'), E'\\000') as s(args)
      where t.tgrelid = to_regclass($2)
        and not t.tgisinternal
        and t.tgtype & 1 = 1
        and n.nspname = 'pgq'
        and p.proname in ('logutriga', 'sqltriga', 'jsontriga', 'logtriga')
        and s.args[1] = $1
      order by t.tgname
      limit 1`,
    [queueName, quoteName(destTable), tableName],
  );
  return trigger === undefined
    ? { ...ALL_WRITES, writes: [] }
    : ofTrigger(trigger.tgtype, trigger.args, trigger.columns);
}

const TYPE_BITS: readonly (readonly [number, WriteKind])[] = [
  [4, 'inserts'],
  [16, 'updates'],
  [8, 'deletes'],
];

function ofTrigger(type: number, args: readonly string[], columns: readonly string[]): CapturedWrites {
  const valueAfter = (name: string) => args.find((arg) => arg.startsWith(`${name}=`))?.slice(name.length + 1);
  return {
    writes: TYPE_BITS.filter(([bit]) => (type & bit) !== 0).map(([, kind]) => kind),
    ignored: (valueAfter('ignore')?.split(',') ?? []).filter((column) => columns.includes(column)),
    condition: valueAfter('when'),
    content: args.filter((arg) => /^ev_(?:type|data|extra1)=/.test(arg)),
    isEventOnly: args.some((arg) => arg.toLowerCase() === 'skip'),
    isDenied: args.includes('deny'),
  };
}
