import type { KeyOperation } from '../apply/net-effect.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { Attributes } from '../replica/table-attributes.js';
import { checkMethod } from './bulk.js';
import { isTrue } from './common-arguments.js';
import { type FieldMap, readFieldMap } from './field-map.js';
import { defaultPartName, PERIODS, type Period } from './partition-period.js';
import { checkTemplate } from './text-template.js';

const TABLE_MODES = ['part', 'direct', 'ignore'] as const;
const PART_MODES = ['batch_time', 'event_time', 'date_field', 'current_time'] as const;
const ROW_MODES = ['plain', 'keep_latest', 'keep_all'] as const;

/** What the arguments of dispatch come to. */
export interface DispatchSettings {
  readonly tableMode: (typeof TABLE_MODES)[number];
  readonly partMode: (typeof PART_MODES)[number];
  /** Set with part_mode=date_field. */
  readonly partField: string | undefined;
  readonly period: Period;
  readonly rowMode: (typeof ROW_MODES)[number];
  readonly operations: ReadonlySet<KeyOperation>;
  readonly fields: FieldMap;
  readonly partName: string;
  /** SQL that makes a partition; undefined: the function does. */
  readonly partTemplate: string | undefined;
  readonly partFunction: string;
  readonly prePart: string | undefined;
  readonly postPart: string | undefined;
  readonly retention: string | undefined;
  readonly ignoresOldEvents: boolean;
  readonly ignoresTruncate: boolean;
}

const NAME_VALUES = ['parent', 'year', 'month', 'day', 'hour'];
/** What the SQL around a partition can name. */
export const SQL_VALUES = ['dest', 'part', 'parent', 'pkey', 'schema_table', 'part_field', 'part_time'];

const OPERATIONS: Readonly<Record<string, KeyOperation>> = { I: 'insert', U: 'update', D: 'delete' };

/** Throws PC410 for values that there are not, and for arguments that do not go together. Pure. */
export function readDispatchSettings(own: Attributes): DispatchSettings {
  const text = (name: string) => own.get(name) ?? undefined;
  const tableMode = oneOf(own, 'table_mode', TABLE_MODES, 'part');
  const partMode = oneOf(own, 'part_mode', PART_MODES, 'batch_time');
  const period = oneOf(own, 'period', PERIODS, 'day');
  const loadMode = oneOf(own, 'load_mode', ['direct', 'bulk'], 'direct');
  const method = text('method') ?? '0';
  checkMethod(method, ['0', '1', '2', '3']);
  isTrue(own, 'analyze');
  const partField = text('part_field');
  if (tableMode === 'part' && partMode === 'date_field' && partField === undefined) {
    throw new ReplicateError('PC410', 'part_mode=date_field needs the argument part_field.');
  }
  const partName = text('part_name') ?? defaultPartName(period);
  checkTemplate('part_name', partName, NAME_VALUES);
  const [partTemplate, prePart, postPart] = ['part_template', 'pre_part', 'post_part'].map((name) => {
    const template = text(name);
    if (template !== undefined) checkTemplate(name, template, SQL_VALUES);
    return template;
  });
  const isInsertOnly = loadMode === 'bulk' && method === '3';
  return {
    tableMode,
    partMode,
    partField: tableMode === 'part' && partMode === 'date_field' ? partField : undefined,
    period,
    rowMode: oneOf(own, 'row_mode', ROW_MODES, 'plain'),
    operations: operations(text('event_types') ?? (isInsertOnly ? 'I' : 'I,U,D')),
    fields: readFieldMap(text('fields'), text('skip_fields')),
    partName,
    partTemplate,
    partFunction: text('part_func') ?? 'londiste.create_partition',
    prePart,
    postPart,
    retention: text('retention_period'),
    ignoresOldEvents: isTrue(own, 'ignore_old_events'),
    ignoresTruncate: isTrue(own, 'ignore_truncate'),
  };
}

function oneOf<T extends string>(own: Attributes, name: string, values: readonly T[], otherwise: T): T {
  const text = own.get(name) ?? otherwise;
  const found = values.find((value) => value === text);
  if (found !== undefined) return found;
  throw new ReplicateError('PC410', `${name}=${text} is none of ${values.join(', ')}.`);
}

function operations(text: string): ReadonlySet<KeyOperation> {
  const found = text.split(',').map((letter) => OPERATIONS[letter.trim().toUpperCase()]);
  if (found.includes(undefined)) {
    throw new ReplicateError('PC410', `event_types=${text} is no list of I, U and D.`);
  }
  return new Set(found.filter((operation) => operation !== undefined));
}
