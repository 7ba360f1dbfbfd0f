import type { Connection } from '../db/connection.js';
import { fullName, quoteName, splitName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';

/** What a function of events is given, one after the other. */
const EVENT_COLUMNS = [
  'ev_id',
  'ev_time',
  'ev_txid',
  'ev_retry',
  'ev_type',
  'ev_data',
  'ev_extra1',
  'ev_extra2',
  'ev_extra3',
  'ev_extra4',
];
const ARGUMENT_COUNT = EVENT_COLUMNS.length + 2;

/**
 * The query that calls a function for each of many events in their order. Parameters: configuration, tick, the events as
 * a JSON array of texts. Every argument is cast to the type of its parameter, as the server does with a literal.
 *
 * Throws PC410 when there is no such function of twelve arguments, or more than one.
 */
export async function findEventFunction(connection: Connection, functionName: string): Promise<string> {
  const { schema, name } = splitName(functionName);
  const found = await connection.query<{ types: string[] }>(
    `select array(select format_type(a.type, -1) from unnest(p.proargtypes) with ordinality as a(type, place)
                   order by a.place) as types
       from pg_proc as p
       join pg_namespace as n
         on n.oid = p.pronamespace
      where n.nspname = $1
        and p.proname = $2
        and p.pronargs = $3
        and not p.proretset
        and coalesce(to_jsonb(p) ->> 'prokind', 'f') = 'f'`,
    [schema, name, ARGUMENT_COUNT],
  );
  const [only] = found;
  if (only === undefined || found.length > 1) {
    const problem = only === undefined ? 'no function' : 'more than one function';
    throw new ReplicateError(
      'PC410',
      `There is ${problem} ${fullName(functionName)} with ${ARGUMENT_COUNT} arguments at ${connection.target}.`,
      { function: functionName },
    );
  }
  const values = ['$1::text', '$2::text', ...EVENT_COLUMNS.map((column) => `x.${column}`)];
  const args = values.map((value, i) => `${value}::${only.types[i]}`);
  const columns = EVENT_COLUMNS.map((column) => `${column} text`);
  return (
    `select pg_catalog.count(${quoteName(functionName)}(${args.join(', ')})) ` +
    `from pg_catalog.json_to_recordset($3::json) as x(${columns.join(', ')})`
  );
}
