import type { Connection } from '../db/connection.js';
import { fullName, quoteName, splitName } from '../db/identifier.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { AttributeKey, ScriptAttributes } from './script-attributes.js';
import { readSequences } from './sequence-list.js';
import { readTables } from './table-list.js';

/** What a script is to do on one node. */
export type ScriptDecision =
  /** Run it, with `@name@` replaced by the quoted name that stands beside it. */
  { readonly kind: 'run'; readonly names: ReadonlyMap<string, string> } | { readonly kind: 'skip' };

/** Names of this node's replicated objects, in full: name in the queue → name in this database. */
interface LocalNames {
  readonly tables: ReadonlyMap<string, string>;
  readonly sequences: ReadonlyMap<string, string>;
}

/**
 * Decides whether a script runs on this node: without conditions always, when all hold yes, when none holds no.
 *
 * Throws PC407 when some hold and some do not: the script was written for another set of objects than this node has.
 * Changes nothing.
 */
export async function decideScript(
  connection: Connection,
  queueName: string,
  fileName: string,
  attributes: ScriptAttributes,
): Promise<ScriptDecision> {
  const local = await readLocalNames(connection, queueName);
  const matches: string[] = [];
  const misses: string[] = [];
  const names = new Map<string, string>();
  for (const [key, wanted] of attributes) {
    for (const name of wanted) {
      const found = await look(connection, local, key, name);
      (found.holds ? matches : misses).push(`${key} ${name}`);
      if (found.localName !== undefined) names.set(name, quoteName(found.localName));
    }
  }
  if (misses.length === 0) return { kind: 'run', names };
  if (matches.length === 0) return { kind: 'skip' };
  throw new ReplicateError(
    'PC407',
    `${fileName}: only some of its conditions hold here: ${matches.join(', ')} yes, ${misses.join(', ')} no.`,
    { file: fileName },
  );
}

/** Puts the quoted names for `@name@`; what looks like that in a name that was put there stays. Pure. */
export function replaceNames(text: string, names: ReadonlyMap<string, string>): string {
  if (names.size === 0) return text;
  const known = [...names.keys()].map((name) => name.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|');
  return text.replaceAll(
    new RegExp(`@(${known})@`, 'g'),
    (written, name: string) => names.get(name) ?? written,
  );
}

async function readLocalNames(connection: Connection, queueName: string): Promise<LocalNames> {
  const tables = await readTables(connection, queueName);
  const sequences = await readSequences(connection, queueName);
  return {
    tables: new Map(tables.filter(({ isLocal }) => isLocal).map(({ name, destTable }) => [name, destTable])),
    sequences: new Map(sequences.filter(({ isLocal }) => isLocal).map(({ name }) => [name, name])),
  };
}

interface Found {
  readonly holds: boolean;
  /** Only for what `@name@` stands for. */
  readonly localName?: string | undefined;
}

async function look(
  connection: Connection,
  local: LocalNames,
  key: AttributeKey,
  name: string,
): Promise<Found> {
  switch (key) {
    case 'local-table': {
      const localName = local.tables.get(fullName(name));
      return { holds: localName !== undefined, localName };
    }
    case 'local-sequence': {
      const localName = local.sequences.get(fullName(name));
      return { holds: localName !== undefined, localName };
    }
    case 'local-destination': {
      const localName = local.tables.get(fullName(name));
      const holds = localName !== undefined && (await hasRelation(connection, localName, ['r', 'p']));
      return { holds, localName: holds ? localName : undefined };
    }
    case 'need-table':
      return { holds: await hasRelation(connection, name, ['r', 'p']) };
    case 'need-sequence':
      return { holds: await hasRelation(connection, name, ['S']) };
    case 'need-view':
      return { holds: await hasRelation(connection, name, ['v', 'm']) };
    case 'need-schema':
      return { holds: await isTrue(connection, 'select 1 from pg_namespace where nspname = $1', [name]) };
    case 'need-function':
      return { holds: await hasFunction(connection, name) };
  }
}

async function hasRelation(
  connection: Connection,
  fqname: string,
  kinds: readonly string[],
): Promise<boolean> {
  const { schema, name } = splitName(fqname);
  return isTrue(
    connection,
    `select 1 from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname = $1 and c.relname = $2 and c.relkind::text = any ($3)`,
    [schema, name, kinds],
  );
}

/** `name(number of arguments)`; without a number one without arguments, as in Londiste. */
async function hasFunction(connection: Connection, written: string): Promise<boolean> {
  const match = /^(.*?)(?:\((\d*)\))?$/.exec(written);
  const { schema, name } = splitName(match?.[1]?.trim() ?? written);
  return isTrue(
    connection,
    `select 1 from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
      where n.nspname = $1 and p.proname = $2 and p.pronargs = $3`,
    [schema, name, Number(match?.[2] ?? 0)],
  );
}

async function isTrue(connection: Connection, sql: string, values: readonly unknown[]): Promise<boolean> {
  return (await connection.query(sql, values)).length > 0;
}
