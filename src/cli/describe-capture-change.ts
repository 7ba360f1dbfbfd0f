import type { CaptureDifference } from '../replica/capture-difference.js';
import type { NodesWithTable } from '../replica/nodes-with-table.js';

/** True when nodes below may have something else of the table than they will get from now on. */
export function isOtherCapture({ gained, lost, hasRowsNow }: CaptureDifference): boolean {
  return gained.length > 0 || lost.length > 0 || hasRowsNow;
}

/** What the operator has to do on the nodes below when a root sends something else of a table than before; nothing when none has it. Pure. */
export function describeCaptureChange(
  tableName: string,
  { gained, lost, hasRowsNow }: CaptureDifference,
  { levels, unreachable }: NodesWithTable,
): readonly string[] {
  if (levels.length === 0 && unreachable.length === 0) return [];
  const nodes = [
    ...(levels.length === 0 ? [] : [`on ${levels.map(list).join(', then on ')}`]),
    ...(unreachable.length === 0
      ? []
      : [`on ${list(unreachable)}, which could not be asked, where the table is replicated`]),
  ].join(', and ');
  return [
    ...(gained.length === 0
      ? []
      : [
          `${tableName}: not sent before, sent from now on: ${gained.join('; ')}. ` +
            `What was written till now stays missing or old on the nodes below: run "resync ${tableName}" ${nodes}.`,
        ]),
    ...(lost.length === 0
      ? []
      : [
          `${tableName}: not sent any more: ${lost.join('; ')}. ` +
            'The nodes below keep what they have of it as it is now; they need no resync.',
        ]),
    ...(hasRowsNow
      ? [
          `${tableName}: its writes were events and no rows till now, so the nodes below have rows that are not here. ` +
            `To take those away there, run "resync ${tableName}" ${nodes}.`,
        ]
      : []),
  ];
}

function list(names: readonly string[]): string {
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`;
}
