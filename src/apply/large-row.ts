import type { Connection } from '../db/connection.js';
import { parseRowEventType } from '../queue/decode/row-event-type.js';
import type { QueueEvent } from '../queue/event.js';
import type { PlannedBlock } from './plan-block.js';
import type { RowChange, RowSection } from './row-change.js';
import { resolveSection, type SectionMismatch } from './section-target.js';
import type { Step } from './step.js';
import { TableChanges } from './table-changes.js';
import { type TableWriter, writerOf } from './table-writer.js';
import type { TargetTable } from './target-table.js';

/**
 * Plans the block of one large event, whose row stands in the transaction's `pgc_large_row`: it is read and written by the
 * server alone. Throws what the server says of data that is not JSON.
 */
export async function planLargeRow(
  tx: Connection,
  table: TargetTable,
  event: QueueEvent,
): Promise<PlannedBlock> {
  const writer = writerOf(table);
  const changes = new TableChanges(writer);
  changes.pass();
  const block = { tables: [changes], eventCount: 1 };
  const step = await planStep(tx, writer, event);
  const { queueTable } = table;
  if (typeof step === 'string') {
    const conflict = {
      queueTable,
      eventId: event.id,
      key: event.extra3,
      code: 'PC403' as const,
      message: step,
    };
    return { ...block, planned: [], conflicts: [conflict] };
  }
  const steps = [step];
  const plan = {
    kind: 'planned' as const,
    steps,
    rewriteSteps: () => undefined,
    stepsInOrder: () => steps,
  };
  return {
    ...block,
    planned: [{ queueTable, plan, bulkRows: undefined, missingFrom: undefined }],
    conflicts: [],
  };
}

/** The one statement; a sentence when there is none. */
async function planStep(tx: Connection, writer: TableWriter, event: QueueEvent): Promise<Step | string> {
  const type = parseRowEventType(event.type);
  if (type === undefined || type.operation === 'truncate') return 'The event is not that of a row.';
  // With a key the old row, which a trigger may send all the same, says nothing.
  const hasOldRow = type.operation === 'update' && type.keyColumns.length === 0;
  const { columns, matches } = await tx.one<{ columns: string[]; matches: boolean }>(
    'select columns, matches from pgcascade.large_row_columns($1, $2)',
    [event.id, hasOldRow],
  );
  if (!matches) return 'The event has an old and a new row of different columns.';
  const section: RowSection = {
    kind: 'rows',
    keyColumns: type.keyColumns,
    columns: { names: new Set(columns) },
    changes: [],
  };
  const target = resolveSection(writer, section, { bulkRows: Number.POSITIVE_INFINITY });
  if ('missingColumns' in target) return mismatchOf(target);
  const { operation } = type;
  const key = event.extra3 ?? '';
  const change: RowChange = { event, operation, key, row: '', oldRow: null, located: undefined };
  const { text, expected } = target.step(operation, [change]);
  return {
    text: 'select from pgcascade.write_large_row($1, $2, $3)',
    input: { kind: 'lists', values: [text, `${event.id}`, `${hasOldRow}`] },
    expected,
    changes: [change],
  };
}

function mismatchOf({ missingColumns }: SectionMismatch): string {
  return `The table on the subscriber does not have: ${missingColumns.join(', ')}.`;
}
