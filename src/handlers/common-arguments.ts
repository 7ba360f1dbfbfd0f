import { ReplicateError } from '../errors/replicate-error.js';
import type { Attributes } from '../replica/table-attributes.js';
import type { HandlerArgument } from './contract.js';
import { type RowSelection, WHOLE_TABLE } from './row-selection.js';

/** The arguments that every handler has. */
export const COMMON_ARGUMENTS: readonly HandlerArgument[] = [
  {
    name: 'where',
    summary:
      "Only rows for which this SQL expression over the table's columns is true, such as region = 'eu'.",
  },
  { name: 'columns', summary: 'Only these columns, separated by commas; the key must be among them.' },
  { name: 'ignore_truncate', summary: '1: a TRUNCATE on the provider is not done here.' },
];

/** What the arguments of every handler select. Throws PC410. Pure. */
export function commonSelection(args: Attributes): RowSelection {
  const where = args.get('where');
  const columns = args.get('columns');
  return {
    ...WHOLE_TABLE,
    where: where === undefined ? [] : [requireCondition(where)],
    columns: columns === undefined ? undefined : nameList('columns', columns),
    ignoresTruncate: isTrue(args, 'ignore_truncate'),
  };
}

/** What both select together; values of the first count. Pure. */
export function bothSelections(one: RowSelection, other: RowSelection): RowSelection {
  const { columns } = other;
  return {
    where: [...one.where, ...other.where],
    columns:
      columns === undefined ? one.columns : (one.columns ?? columns).filter((name) => columns.includes(name)),
    values: new Map([...other.values, ...one.values]),
    settings: new Map([...other.settings, ...one.settings]),
    textColumns: [...one.textColumns, ...other.textColumns],
    ignoresTruncate: one.ignoresTruncate || other.ignoresTruncate,
  };
}

/** Names separated by commas. Throws PC410 for a list without a name, and for a name that comes twice. Pure. */
export function nameList(argument: string, text: string | null): readonly string[] {
  const names = (text ?? '').split(',').map((name) => name.trim());
  if (names.includes('') || new Set(names).size < names.length) {
    throw new ReplicateError('PC410', `${argument}=${text ?? ''} is no list of different names.`);
  }
  return names;
}

/** A switch as Londiste's handlers take it. Throws PC410 for anything else. Pure. */
export function isTrue(args: Attributes, name: string): boolean {
  const value = args.get(name);
  if (value === undefined) return false;
  if (['1', 'true', 'yes', 'on'].includes(value?.toLowerCase() ?? '')) return true;
  if (['0', 'false', 'no', 'off', ''].includes(value?.toLowerCase() ?? '')) return false;
  throw new ReplicateError('PC410', `${name}=${value} is neither 1 nor 0.`);
}

/** One row decides alone whether it is here: other rows and tables change without it being looked at again. */
function requireCondition(text: string | null): string {
  if (text === null || text.trim() === '') throw new ReplicateError('PC410', 'where= has no condition.');
  const withoutTexts = text.replaceAll(/'(?:[^']|'')*'/g, "''");
  if (/\b(?:select|over)\b/i.test(withoutTexts)) {
    throw new ReplicateError(
      'PC410',
      'where= can only look at the columns of one row, not at other rows or tables.',
    );
  }
  return text.trim();
}
