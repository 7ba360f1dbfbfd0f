import { netContent } from './net-content.js';
import {
  type EffectTable,
  type KeyOperation,
  NEXT_EFFECT,
  NEXT_PARTIAL_EFFECT,
  netChanges,
} from './net-effect.js';
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
  return [...runs(key, changes)].flatMap((run) => target.steps(run.operation, run.changes));
}

/**
 * The steps that write every changed row anew: all old rows are deleted before the first new one is inserted, so rows
 * may exchange the values of other unique columns in any way. Undefined where a row has more columns than the events
 * tell, where keys are not unique, and where only one change after the other will do. Pure.
 */
export function planRewrite(target: SectionTarget, changes: readonly RowChange[]): Step[] | undefined {
  const { key, columns } = target;
  if (changes.every(({ operation }) => operation === 'insert')) return [target.step('insert', changes)];
  if (!columns.isWholeRow) return undefined;
  if (key === null) return contentSteps(target, changes);
  // Of a part the row counts prove nothing, so equal keys must be seen to be equal.
  const isProven = key.isUnique && (!target.isPartial || key.hasExactText);
  const net = isProven ? netChanges(changes, effectsOf(target)) : undefined;
  if (net === undefined) return undefined;
  const replaced = [...net.update, ...net.replace];
  return setSteps(target, key, {
    absent: net.nothing,
    delete: [...net.delete, ...replaced],
    update: [],
    insert: [...net.insert, ...replaced],
  });
}

/** The steps that do what the source did, one change after the other. Pure. */
export function planInOrder(target: SectionTarget, changes: readonly RowChange[]): Step[] {
  return changes.flatMap((change) => {
    const steps = target.steps(change.operation, [change]);
    const [only, ...others] = steps;
    if (only === undefined || others.length > 0 || target.isPartial) return steps;
    return [{ ...only, absence: target.absence(change) }];
  });
}

function effectsOf({ isPartial }: SectionTarget): EffectTable {
  return isPartial ? NEXT_PARTIAL_EFFECT : NEXT_EFFECT;
}

function netSteps(target: SectionTarget, key: TargetKey, changes: readonly RowChange[]): Step[] | undefined {
  const net = netChanges(changes, effectsOf(target));
  if (net === undefined) return undefined;
  // An update spares the indexes, but leaves the columns that the events do not have as they were: only a new row
  // gives them their defaults.
  const { isWholeRow, written } = target.columns;
  const isUpdate = isWholeRow && written.every(({ identity }) => identity !== 'always');
  return setSteps(target, key, {
    absent: net.nothing,
    delete: isUpdate ? net.delete : [...net.delete, ...net.replace],
    update: isUpdate ? [...net.update, ...net.replace] : net.update,
    insert: isUpdate ? net.insert : [...net.insert, ...net.replace],
  });
}

interface Sets extends Readonly<Record<KeyOperation, readonly RowChange[]>> {
  /** Keys that came and went: had one been there before, its insert would have failed on the source. */
  readonly absent: readonly RowChange[];
}

function setSteps(target: SectionTarget, key: TargetKey, sets: Sets): Step[] {
  const steps: Step[] = [];
  if (sets.absent.length > 0) steps.push(target.absentStep(key, sets.absent));
  if (sets.delete.length > 0) steps.push(target.step('delete', sets.delete));
  if (sets.update.length > 0) steps.push(...target.steps('update', sets.update));
  if (sets.insert.length > 0) steps.push(target.step('insert', sets.insert));
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
