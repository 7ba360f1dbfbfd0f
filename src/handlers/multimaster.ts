import { loadTargetTable } from '../apply/load-target-table.js';
import type { TargetTable } from '../apply/target-table.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { Attributes } from '../replica/table-attributes.js';
import { isTrue, nameList } from './common-arguments.js';
import type { HandlerSpec } from './contract.js';
import { MergedRows, type MergeRule } from './merged-rows.js';

/** A table that is written in several databases. */
export const multimaster: HandlerSpec = {
  name: 'multimaster',
  summary:
    "A table that is written here too: of two versions of a row the one with the later timefield stays, at equal times the one that comes. Each database has a queue of its own as root and is a leaf of the others' queues; what the worker writes is not captured, so nothing goes round. A DELETE takes the row away unless it is newer here than the deletion; it leaves no trace, so an older version that comes later is a row again. A TRUNCATE empties the table, unless ignore_truncate is 1. The copy replaces all rows: where a table has its rows already, add it with --expect-sync. compare shows also what is still on its way.",
  arguments: [
    {
      name: 'timefield',
      summary: 'The column that every write sets to its time, or to a number that grows.',
      isRequired: true,
    },
    {
      name: 'altpk',
      summary:
        'The columns that tell rows apart, when it is not the key of the provider: such as email where ids differ.',
    },
  ],
  commonArguments: ['ignore_truncate'],
  example: 'add-table people --handler multimaster --handler-arg timefield=changed_at --expect-sync',
  async complete(args, { local, destTable }) {
    const timeField = args.get('timefield');
    if (timeField == null) return args;
    checkTable(await loadTargetTable(local, destTable, destTable), ruleOf(args));
    return args;
  },
  bind({ own }) {
    const rule = ruleOf(own);
    return {
      needsEventTime: true,
      triggers: 'none on a leaf',
      async takeOver({ tx, tableName, destTable }) {
        const target = await loadTargetTable(tx, tableName, destTable);
        checkTable(target, rule);
        return new MergedRows(tx, target, rule);
      },
    };
  },
};

function ruleOf(own: Attributes): MergeRule {
  const altKey = own.get('altpk');
  return {
    timeField: own.get('timefield') ?? '',
    altKey: altKey === undefined ? undefined : nameList('altpk', altKey),
    ignoresTruncate: isTrue(own, 'ignore_truncate'),
  };
}

function checkTable({ destTable, columns }: TargetTable, { timeField, altKey }: MergeRule): void {
  const names = columns.map(({ name }) => name);
  const missing = [timeField, ...(altKey ?? [])].filter((name) => !names.includes(name));
  if (missing.length === 0) return;
  throw new ReplicateError('PC410', `Table ${destTable} has no column ${missing.join(', ')}.`, {
    table: destTable,
  });
}
