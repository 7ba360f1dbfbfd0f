import { loadTargetTable } from '../apply/load-target-table.js';
import type { TargetTable } from '../apply/target-table.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { Attributes } from '../replica/table-attributes.js';
import type { HandlerArgument, HandlerSpec, TableHandler } from './contract.js';
import { type DispatchSettings, readDispatchSettings } from './dispatch-settings.js';
import { DispatchedRows } from './dispatched-rows.js';
import { fieldHere, isAllFields } from './field-map.js';
import { openPartitionedCopy } from './partitioned-copy.js';
import { KnownTables, Partitions } from './partitions.js';
import { PASSED_OVER } from './passed-over.js';

const ARGUMENTS: readonly HandlerArgument[] = [
  {
    name: 'table_mode',
    summary: 'part (default): into partitions; direct: into the table itself; ignore: nowhere.',
  },
  {
    name: 'part_mode',
    summary:
      'By which time: batch_time (default), event_time, current_time, or date_field: by the column part_field. Times are those of UTC.',
  },
  {
    name: 'part_field',
    summary: 'The column of part_mode=date_field: a date or timestamp that is never null.',
  },
  { name: 'period', summary: 'How much is in one partition: hour, day (default), month or year.' },
  {
    name: 'part_name',
    summary:
      'Name of a partition from %(parent)s, %(year)s, %(month)s, %(day)s, %(hour)s; by default parent_2020_01_31.',
  },
  {
    name: 'part_func',
    summary:
      'The function that makes a partition, londiste.create_partition by default: (table, partition, key columns, part_field, time, period). It makes a child that inherits, or a partition of a table that is partitioned by range of part_field.',
  },
  {
    name: 'part_template',
    summary:
      'SQL that makes a partition instead, with %(dest)s, %(part)s, %(parent)s, %(pkey)s, %(schema_table)s, %(part_field)s, %(part_time)s.',
  },
  { name: 'pre_part', summary: 'SQL before a partition is made, as part_template.' },
  { name: 'post_part', summary: 'SQL after it.' },
  {
    name: 'row_mode',
    summary:
      "plain (default): all partitions together are the provider's table: changes are made to a row where it is, and with date_field it moves when its date does. keep_latest: each period has the last version of the rows that were written in it; a DELETE takes away that period's. keep_all: every version is a row; a DELETE does nothing.",
  },
  { name: 'event_types', summary: 'Only these: I, U and D, separated by commas.' },
  { name: 'load_mode', summary: 'direct or bulk, as in Londiste; of no meaning here.' },
  { name: 'method', summary: '0, 1, 2 or 3, as in Londiste; 3 with load_mode=bulk takes inserts only.' },
  {
    name: 'fields',
    summary: 'Only these columns, or other names for them: a,b:name_here; * are all others.',
  },
  { name: 'skip_fields', summary: 'Not these columns.' },
  {
    name: 'retention_period',
    summary:
      'How long partitions are kept, such as "3 months": older ones are dropped whenever one is made; changes of rows that are gone do nothing.',
  },
  { name: 'ignore_old_events', summary: '1: rows of a time that is not kept are left out.' },
  { name: 'analyze', summary: '0 or 1, as in Londiste; of no meaning here.' },
];

/** A table that is cut into partitions by time. */
export const dispatch: HandlerSpec = dispatchSpec('dispatch', new Map(), {
  summary:
    'Puts the rows into partitions of the table by time, which are made when they are needed; the copy too (by a time of events it knows only its own). On leaves.',
  example:
    'add-table orders --handler dispatch --handler-arg part_mode=date_field --handler-arg part_field=created_at --handler-arg period=month',
});

const PRESET_PERIODS = { hourly: 'hour', daily: 'day', monthly: 'month', yearly: 'year' };
const PRESET_MODES = { event: 'event_time', batch: 'batch_time', field: 'date_field', time: 'current_time' };

/** Dispatch under names that say its main arguments, as in Londiste. Arguments that are given count all the same. */
export const DISPATCH_PRESETS: readonly HandlerSpec[] = [
  ...['', 'bulk_'].flatMap((load) =>
    Object.entries(PRESET_PERIODS).flatMap(([periodName, period]) =>
      Object.entries(PRESET_MODES).map(([modeName, partMode]) =>
        preset(`${load}${periodName}_${modeName}`, {
          period,
          part_mode: partMode,
          row_mode: 'keep_latest',
          load_mode: load === '' ? 'direct' : 'bulk',
        }),
      ),
    ),
  ),
  preset('bulk_direct', { table_mode: 'direct', load_mode: 'bulk' }),
  preset('direct', { table_mode: 'direct' }),
];

function preset(name: string, args: Readonly<Record<string, string>>): HandlerSpec {
  const words = Object.entries(args).map(([key, value]) => `${key}=${value}`);
  return dispatchSpec(name, new Map(Object.entries(args)), {
    summary: `dispatch with ${words.join(', ')}.`,
    example: `add-table orders --handler ${name}${name.endsWith('_field') ? ' --handler-arg part_field=created_at' : ''}`,
    presetOf: 'dispatch',
  });
}

function dispatchSpec(
  name: string,
  presets: Attributes,
  about: Pick<HandlerSpec, 'summary' | 'example' | 'presetOf'>,
): HandlerSpec {
  const settingsOf = (args: Attributes) => readDispatchSettings(new Map([...presets, ...args]));
  return {
    name,
    ...about,
    arguments: ARGUMENTS,
    commonArguments: ['ignore_truncate'],
    isForLeaves: true,
    async complete(args, { local, destTable }) {
      const settings = settingsOf(args);
      if (settings.tableMode !== 'ignore')
        checkField(await loadTargetTable(local, destTable, destTable), settings);
      return args;
    },
    bind: ({ own }) => bindDispatch(settingsOf(own)),
  };
}

function checkField({ destTable, columns }: TargetTable, { partField }: DispatchSettings): void {
  if (partField === undefined) return;
  const type = columns.find(({ name }) => name === partField)?.typeSql;
  if (['date', 'timestamp', 'timestamptz'].some((name) => type === `"pg_catalog"."${name}"`)) return;
  throw new ReplicateError('PC410', `Table ${destTable} has no date or timestamp ${partField}.`, {
    table: destTable,
  });
}

function bindDispatch(settings: DispatchSettings): TableHandler {
  if (settings.tableMode === 'ignore') {
    return {
      needsNoTable: true,
      needsNoCopy: true,
      notComparable: 'Its handler leaves all of its rows out.',
      takeOver: () => Promise.resolve(PASSED_OVER),
    };
  }
  const known = new KnownTables();
  const reason = whyNotComparable(settings);
  return {
    ...(reason === undefined ? {} : { notComparable: reason }),
    ...(settings.tableMode === 'part' ? { hasParts: true } : {}),
    ...(settings.partMode === 'event_time' ? { needsEventTime: true } : {}),
    ...(isAllFields(settings.fields) ? {} : { columnHere: (name) => fieldHere(settings.fields, name) }),
    async openCopy({ tx, tableName, destTable, columns }) {
      const parent = await loadTargetTable(tx, tableName, destTable);
      // What a copy makes is not there before it commits.
      const partitions = new Partitions(tx, parent, settings, new KnownTables());
      return openPartitionedCopy(tx, parent, settings, partitions, columns);
    },
    async takeOver({ tx, batch, tableName, destTable }) {
      const parent = await known.load(tx, tableName, destTable);
      const { now } = await tx.one<{ now: string }>('select now()::text as now');
      const rows = new DispatchedRows({
        tx,
        parent,
        settings,
        partitions: new Partitions(tx, parent, settings, known),
        batchTime: batch.endTime,
        currentTime: now,
      });
      return {
        async write(events) {
          try {
            await rows.write(events);
          } catch (error) {
            // Another shape of a table may be why.
            known.clear();
            throw error;
          }
        },
        finish: () => rows.finish(),
      };
    },
  };
}

function whyNotComparable(settings: DispatchSettings): string | undefined {
  const { rowMode, operations, retention, fields } = settings;
  if (rowMode === 'keep_latest' && settings.tableMode === 'part') {
    return 'It has the last version of each row for every period (row_mode=keep_latest), and not only the last.';
  }
  if (rowMode === 'keep_all') return 'It has all versions of the rows (row_mode=keep_all).';
  if (operations.size < 3) return 'Not all of its events are taken (event_types).';
  if (retention !== undefined)
    return `Partitions older than ${retention} are dropped here (retention_period).`;
  if (!isAllFields(fields)) return 'It has other columns than on the provider (fields, skip_fields).';
  return undefined;
}
