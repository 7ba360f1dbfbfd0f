import type { QueueEvent } from '../queue/event.js';
import type { Conflict } from './conflict.js';
import { planInOrder, planRewrite, planSteps } from './plan-steps.js';
import type { SqlSection } from './row-change.js';
import { resolveSection } from './section-target.js';
import { NO_INPUT, type Step } from './step.js';
import type { TableChanges } from './table-changes.js';
import { onlyNameSql, type TargetTable } from './target-table.js';

/** The ways in which one table's changes of a block can be written: the cheapest first, the next if that fails. */
export interface PlannedTable {
  readonly kind: 'planned';
  /** As few statements as is exact; undefined when there is no such way. */
  readonly steps: readonly Step[] | undefined;
  /** Every row anew; undefined when that is not exact. */
  rewriteSteps(): readonly Step[] | undefined;
  /** One change after the other. */
  stepsInOrder(): readonly Step[];
}

/** The table's changes cannot be written, whatever its rows are. */
export interface UnwritableTable {
  readonly kind: 'conflict';
  readonly conflict: Conflict;
}

/** Decides how a table's changes are written, or finds that they cannot be. Pure. */
export function planTable(changes: TableChanges, bulkRows?: number): PlannedTable | UnwritableTable {
  const { writer, truncate, unreadable, sections, isPartial } = changes;
  const { table } = writer;
  if (unreadable !== undefined) {
    return mismatch({ event: unreadable.event, key: null }, unreadable.reason);
  }
  const setBased: (readonly Step[] | undefined)[] = [];
  const rewrites: (() => readonly Step[] | undefined)[] = [];
  const inOrder: (() => readonly Step[])[] = [];
  if (truncate !== undefined) {
    setBased.push([truncateStep(`truncate ${onlyNameSql(table)}`, truncate)]);
    rewrites.push(() => [deleteAllStep(table, truncate)]);
    inOrder.push(() => [deleteAllStep(table, truncate)]);
  }
  for (const section of sections) {
    if (section.kind === 'sql') {
      setBased.push(undefined);
      rewrites.push(() => undefined);
      inOrder.push(() => sqlSteps(section));
      continue;
    }
    const target = resolveSection(writer, section, { isPartial, bulkRows });
    if ('missingColumns' in target) {
      const names = target.missingColumns.join(', ');
      return mismatch(section.changes[0], `The table on the subscriber does not have: ${names}.`);
    }
    setBased.push(planSteps(target, section.changes));
    rewrites.push(() => planRewrite(target, section.changes));
    inOrder.push(() => planInOrder(target, section.changes));
  }
  return {
    kind: 'planned',
    steps: allOrNone(setBased),
    rewriteSteps: () => allOrNone(rewrites.map((steps) => steps())),
    stepsInOrder: () => inOrder.flatMap((steps) => steps()),
  };
}

function allOrNone(parts: readonly (readonly Step[] | undefined)[]): readonly Step[] | undefined {
  return parts.includes(undefined) ? undefined : parts.flatMap((steps) => steps ?? []);
}

/** A foreign key forbids TRUNCATE, even while the referencing table is empty; this always works. */
function deleteAllStep(table: TargetTable, event: QueueEvent): Step {
  return truncateStep(`delete from ${onlyNameSql(table)}`, event);
}

function truncateStep(text: string, event: QueueEvent): Step {
  return { text, input: NO_INPUT, expected: 'any', changes: [{ event, key: null }] };
}

function sqlSteps(section: SqlSection): Step[] {
  return section.changes.map((change) => ({
    text: change.statement,
    input: NO_INPUT,
    expected: 1,
    changes: [change],
    absence: change.operation === 'insert' ? undefined : 'itself',
  }));
}

function mismatch(
  change: { readonly event: QueueEvent; readonly key: string | null } | undefined,
  message: string,
): UnwritableTable {
  if (change === undefined) throw new RangeError('A section has no changes.');
  const { event, key } = change;
  return { kind: 'conflict', conflict: { eventId: event.id, code: 'PC403', message, key: key || null } };
}
