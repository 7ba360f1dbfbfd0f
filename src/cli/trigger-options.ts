import type { NodeType } from '../cascade/node-info.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { TriggerOptions } from '../replica/table-triggers.js';
import type { OptionSpec } from './command.js';

export const TRIGGER_OPTIONS: readonly OptionSpec[] = [
  {
    flags: '--trigger-flags <letters>',
    summary:
      "Capture by PgQ's trigger: A after or B before the write; J json, L urlencoded or Q SQL; I, U, D which writes; S for events only, no rows.",
  },
  {
    flags: '--trigger-arg <arg>',
    summary:
      "Capture by PgQ's trigger with this argument: ignore=a,b pkey=a,b when=EXPRESSION backup deny ev_extra4=EXPRESSION; may be given several times.",
    isRepeatable: true,
  },
  { flags: '--no-triggers', summary: 'Make no triggers: nothing is captured, or refused on a leaf.' },
];

/**
 * What the options of a command want of a table's triggers, as Londiste's `local_add_table` takes it; undefined when they
 * want nothing. The arguments themselves are looked at where the table is known. Throws PC100.
 */
export function triggerArguments(
  options: Readonly<Record<string, unknown>>,
): TriggerOptions['triggerArguments'] {
  const flags = options['triggerFlags'] as string | undefined;
  const args = (options['triggerArg'] ?? []) as readonly string[];
  // Of "--no-triggers" commander makes `triggers: false`, and `triggers: true` of its absence.
  const isWithout = options['triggers'] === false;
  if (isWithout && (flags !== undefined || args.length > 0)) {
    throw new ReplicateError('PC100', 'Give --no-triggers or what the triggers should do, not both.');
  }
  if (isWithout) return ['no_triggers'];
  if (flags === undefined && args.length === 0) return undefined;
  return [...(flags === undefined ? [] : [`tgflags=${flags}`]), ...args];
}

/**
 * What the operator should know of trigger arguments on this node. Throws PC100 for a table whose handler has triggers of its
 * own.
 */
export function noteTriggerArguments(
  tableName: string,
  nodeType: NodeType,
  purpose: TriggerOptions['purpose'],
  args: TriggerOptions['triggerArguments'],
): readonly string[] {
  if (args === undefined || args.length === 0 || args.includes('no_triggers')) return [];
  if (purpose === 'inserts only' || purpose === 'none') {
    throw new ReplicateError(
      'PC100',
      `The handler of ${tableName} decides which triggers it has: it goes without --trigger-flags and --trigger-arg.`,
      { table: tableName },
    );
  }
  return nodeType === 'leaf'
    ? [`${tableName}: on a leaf triggers only refuse writes, so what is said of them has no effect here`]
    : [];
}
