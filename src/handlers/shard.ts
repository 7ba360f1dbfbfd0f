import type { Connection } from '../db/connection.js';
import { quoteIdentifier } from '../db/identifier.js';
import { sqlstateOf } from '../db/sqlstate.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { Attributes } from '../replica/table-attributes.js';
import { nameList } from './common-arguments.js';
import type { CompletePorts, HandlerSpec } from './contract.js';
import { WHOLE_TABLE } from './row-selection.js';

/** Where sharded databases of Londiste say which part they are. */
const STOCK_INFO_TABLE = 'partconf.conf';
const STOCK_INFO_SQL = 'select shard_nr, shard_mask, shard_count from partconf.conf';

/** A part of the rows on each of several nodes, by a hash of some columns. */
export const shard: HandlerSpec = {
  name: 'shard',
  aliases: ['part'],
  summary:
    'One of count parts of the table, by a hash of the key: every row is on exactly one of the nodes 0 … count-1, and moves when its key does.',
  arguments: [
    { name: 'key', summary: 'The columns that are hashed, separated by commas.' },
    { name: 'hash_key', summary: 'Another name of key, as in Londiste.' },
    {
      name: 'shard',
      summary:
        'Which part this node has, from 0 on. Without it shard_info_sql of the ini file is asked, once.',
    },
    { name: 'count', summary: 'How many parts there are.' },
    {
      name: 'hash_func',
      summary:
        'A function of the key on all servers that gives an integer, instead of our own hash; schema.name.',
    },
  ],
  example:
    'add-table orders --handler shard --handler-arg key=customer_id --handler-arg shard=0 --handler-arg count=4',
  complete: completeShard,
  bind({ own }) {
    const columns = keyColumns(own);
    const count = wholeNumber(own, 'count', 1);
    const place = wholeNumber(own, 'shard', 0);
    if (place >= count) throw new ReplicateError('PC410', `There is no shard=${place} among count=${count}.`);
    const hash = hashSql(columns, own.get('hash_func') ?? undefined);
    // The remainder of a negative number is negative.
    const where = `((${hash}) % ${count} + ${count}) % ${count} = ${place}`;
    return { selection: { ...WHOLE_TABLE, where: [where], textColumns: columns } };
  },
};

function keyColumns(own: Attributes): readonly string[] {
  const text = own.get('key') ?? own.get('hash_key');
  if (text === undefined) throw new ReplicateError('PC410', 'The handler shard needs the argument key.');
  return nameList('key', text);
}

function wholeNumber(own: Attributes, name: string, least: number): number {
  const text = own.get(name);
  if (text === undefined) {
    throw new ReplicateError(
      'PC410',
      'Which part of the table this node has is not known: give shard and count, or shard_info_sql in the ini file.',
    );
  }
  const value = Number(text);
  if (!/^\d+$/.test(text ?? '') || !Number.isSafeInteger(value) || value < least) {
    throw new ReplicateError('PC410', `${name}=${text ?? ''} is no number from ${least} on.`);
  }
  return value;
}

/**
 * A hash that is the same on every version, unlike hashtext. Texts of several columns are put together with their
 * lengths, so that no two keys run into one.
 */
function hashSql(columns: readonly string[], hashFunction: string | undefined): string {
  const references = columns.map(quoteIdentifier);
  if (hashFunction !== undefined) return `${functionName(hashFunction)}(${references.join(', ')})::int8`;
  const texts = references.map((reference) => `coalesce(${reference}::text, '')`);
  const [only] = texts;
  const text =
    texts.length === 1 ? only : texts.map((part) => `length(${part}) || ':' || ${part}`).join(' || ');
  return `('x' || left(md5(convert_to(${text}, 'UTF8')), 8))::bit(32)::int8`;
}

function functionName(text: string): string {
  if (!/^\w+\.\w+$/.test(text)) {
    throw new ReplicateError('PC410', `hash_func=${text} is no function with its schema, such as app.hash.`);
  }
  return text.split('.').map(quoteIdentifier).join('.');
}

async function completeShard(args: Attributes, { local, settings }: CompletePorts): Promise<Attributes> {
  const completed = new Map(args);
  if (settings.shardHashFunc !== undefined && !args.has('hash_func')) {
    completed.set('hash_func', settings.shardHashFunc);
  }
  if (args.has('shard') || args.has('count')) return completed;
  const sql = settings.shardInfoSql ?? (await stockInfoSql(local));
  if (sql === undefined) return completed;
  const { place, count } = await askShard(local, sql);
  return completed.set('shard', place).set('count', count);
}

async function stockInfoSql(local: Connection): Promise<string | undefined> {
  const { found } = await local.one<{ found: boolean }>('select to_regclass($1) is not null as found', [
    STOCK_INFO_TABLE,
  ]);
  return found ? STOCK_INFO_SQL : undefined;
}

async function askShard(local: Connection, sql: string): Promise<{ place: string; count: string }> {
  try {
    const rows = await local.query<{ shard_nr?: unknown; shard_count?: unknown }>(sql);
    const [row] = rows;
    if (rows.length === 1 && row?.shard_nr != null && row.shard_count != null) {
      return { place: String(row.shard_nr), count: String(row.shard_count) };
    }
  } catch (error) {
    if (sqlstateOf(error) === undefined) throw error;
    throw new ReplicateError(
      'PC410',
      `shard_info_sql does not work at ${local.target}: ${(error as Error).message}.`,
      {},
      { cause: error },
    );
  }
  throw new ReplicateError('PC410', 'shard_info_sql must give one row with shard_nr and shard_count.');
}
