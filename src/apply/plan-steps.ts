import { netContent } from './net-content.js';
import { netChanges } from './net-effect.js';
import type { RowChange } from './row-change.js';
import type { SectionTarget } from './section-target.js';
import type { Step } from './step.js';
import type { TargetKey } from './table-writer.js';

/**
 * The steps that write the changes of one section with as few statements as is exact:
 *
 * - the net effect of each key, where equal keys have equal texts and a unique index of the subscriber makes the row
 *   counts a proof: delete, update, insert, one statement each;
 * - without a key what the number of equal rows comes to, where the events hold the whole row;
 * - else the changes in their order, like ones in a row together.
 *
 * Undefined when only one change after the other will do. Pure.
 */
export function planSteps(target: SectionTarget, changes: readonly RowChange[]): Step[] | undefined {
  const { key } = target;
  if (changes.every(({ operation }) => operation === 'insert')) return [target.step('insert', changes)];
  if (key === null && target.columns.isWholeRow) return contentSteps(target, changes);
  if (key?.isUnique && key.hasExactText) return netSteps(target, key, changes);
  return [...runs(key, changes)].map((run) => target.step(run.operation, run.changes));
}

/** The steps that do what the source did, one change after the other. Pure. */
export function planInOrder(target: SectionTarget, changes: readonly RowChange[]): Step[] {
  return changes.map((change) => target.step(change.operation, [change]));
}

function netSteps(target: SectionTarget, key: TargetKey, changes: readonly RowChange[]): Step[] | undefined {
  const net = netChanges(changes);
  if (net === undefined) return undefined;
  // An update spares the indexes, but leaves the columns that the events do not have as they were: only a new row
  // gives them their defaults.
  const { isWholeRow, written } = target.columns;
  const isUpdate = isWholeRow && written.every(({ identity }) => identity !== 'always');
  const deletes = isUpdate ? net.delete : [...net.delete, ...net.replace];
  const updates = isUpdate ? [...net.update, ...net.replace] : net.update;
  const inserts = isUpdate ? net.insert : [...net.insert, ...net.replace];
  const steps: Step[] = [];
  // Had one of these rows been there before, its insert would have failed on the source.
  if (net.nothing.length > 0) steps.push(target.absentStep(key, net.nothing));
  if (deletes.length > 0) steps.push(target.step('delete', deletes));
  if (updates.length > 0) steps.push(target.step('update', updates));
  if (inserts.length > 0) steps.push(target.step('insert', inserts));
  return steps;
}

function contentSteps(target: SectionTarget, changes: readonly RowChange[]): Step[] {
  const { deletes, inserts } = netContent(changes);
  const steps: Step[] = [];
  if (deletes.length > 0) steps.push(target.deleteStep(deletes));
  if (inserts.length > 0) steps.push(target.insertStep(inserts));
  return steps;
}

interface Run {
  readonly operation: RowChange['operation'];
  readonly changes: RowChange[];
}

/** Cuts changes into runs of one operation whose changes may be done in any order. */
function* runs(key: TargetKey | null, changes: readonly RowChange[]): Generator<Run> {
  let run: Run | undefined;
  const keys = new Set<string>();
  for (const change of changes) {
    const fits = run !== undefined && run.operation === change.operation && canJoin(key, keys, change);
    if (run !== undefined && fits) {
      run.changes.push(change);
    } else {
      if (run !== undefined) yield run;
      run = { operation: change.operation, changes: [change] };
      keys.clear();
    }
    keys.add(change.key);
  }
  if (run !== undefined) yield run;
}

function canJoin(key: TargetKey | null, keys: ReadonlySet<string>, change: RowChange): boolean {
  if (change.operation === 'insert') return true;
  // Equal rows without a key are counted, so their deletes may stand together; an update may make the row of the next.
  if (key === null) return change.operation === 'delete';
  return key.isUnique && !keys.has(change.key);
}
