import { createHash } from 'node:crypto';
import { ReplicateError } from '../errors/replicate-error.js';
import { nameList } from './common-arguments.js';
import type { HandlerArguments, HandlerSpec } from './contract.js';
import { type ColumnValue, WHOLE_TABLE } from './row-selection.js';

/** Session settings with the two pads of the hash, in hexadecimal. */
const INNER = 'pgcascade.obfuscator_inner';
const OUTER = 'pgcascade.obfuscator_outer';
/** The block of md5, which the pads fill. */
const BLOCK_BYTES = 64;

/** Columns whose values nobody below may see. */
export const obfuscate: HandlerSpec = {
  name: 'obfuscate',
  summary:
    'Columns are kept, hashed with obfuscator_key of the ini file, or emptied; those that are not listed are not replicated. The same value has the same hash in every table, so joins and keys hold. ' +
    'The copy hashes on the provider; the events that this node reads still hold what was written. A branch hands on what it has itself.',
  arguments: [
    { name: 'keep', summary: 'Columns as they are, separated by commas.' },
    {
      name: 'hash',
      summary:
        'Columns as 32 hexadecimal digits, an integer as a bigint, a uuid as a uuid; null stays null. The column here must be able to hold it.',
    },
    { name: 'null', summary: 'Columns that are always null here.' },
    { name: 'skip', summary: 'Columns that are not replicated, as those that are not listed.' },
  ],
  example: 'add-table people --handler obfuscate --handler-arg keep=id,country --handler-arg hash=email',
  bind(args) {
    const keep = names(args, 'keep');
    const hash = names(args, 'hash');
    const empty = names(args, 'null');
    const all = [...keep, ...hash, ...empty, ...names(args, 'skip')];
    const twice = all.find((name, i) => all.indexOf(name) < i);
    if (twice !== undefined) throw new ReplicateError('PC410', `Column ${twice} is listed twice.`);
    const columns = [...keep, ...hash, ...empty];
    if (columns.length === 0) throw new ReplicateError('PC410', 'No column is kept, hashed or emptied.');
    return {
      forwards: 'selected rows',
      selection: {
        ...WHOLE_TABLE,
        columns,
        values: new Map([
          ...hash.map((name) => [name, hashed] as const),
          ...empty.map((name) => [name, emptied] as const),
        ]),
        settings: hash.length === 0 ? new Map() : pads(args.settings.obfuscatorKey),
        textColumns: hash,
      },
    };
  },
};

function names({ own }: HandlerArguments, argument: string): readonly string[] {
  const text = own.get(argument);
  return text === undefined || text === '' ? [] : nameList(argument, text);
}

const emptied: ColumnValue = () => ({ sql: 'null::text', kind: 'text', isAlwaysNull: true });

/** HMAC with md5, which every version of PostgreSQL has: without the key nothing can be looked up. */
const hashed: ColumnValue = (reference, kind) => {
  const text = `convert_to(${reference}::text, 'UTF8')`;
  const inner = `md5(decode(current_setting('${INNER}'), 'hex') || ${text})`;
  const hex = `md5(decode(current_setting('${OUTER}'), 'hex') || decode(${inner}, 'hex'))`;
  if (kind === 'integer') return { sql: `('x' || left(${hex}, 16))::bit(64)::int8`, kind };
  return kind === 'uuid' ? { sql: `${hex}::uuid`, kind } : { sql: hex, kind };
};

/** Throws PC410 without a key: a hash that anybody can compute hides nothing. */
function pads(key: string | undefined): ReadonlyMap<string, string> {
  if (key === undefined || key === '') {
    throw new ReplicateError('PC410', 'The handler obfuscate needs obfuscator_key in the ini file.');
  }
  const block = Buffer.alloc(BLOCK_BYTES);
  createHash('sha512').update(key, 'utf8').digest().copy(block);
  const pad = (byte: number) => block.map((value) => value ^ byte);
  return new Map([
    [INNER, Buffer.from(pad(0x36)).toString('hex')],
    [OUTER, Buffer.from(pad(0x5c)).toString('hex')],
  ]);
}
