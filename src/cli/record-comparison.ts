import type { Comparison } from '../compare/compare-tables.js';
import { verdictDetail } from '../compare/report.js';
import type { Connection } from '../db/connection.js';
import { writeCompareResults } from '../replica/compare-results.js';

/** Keeps what a comparison found, for `status`; `scope`: what of the tables was compared. */
export async function recordComparison(
  connection: Connection,
  queueName: string,
  { tables, sequences, firstTick, tick }: Comparison,
  scope: string,
): Promise<void> {
  await writeCompareResults(connection, queueName, [
    ...tables.map((table) => ({
      name: table.tableName,
      tick: table.tick ?? tick,
      verdict: table.verdict.kind,
      scope,
      detail: verdictDetail(table.verdict),
    })),
    ...sequences.map(({ name, verdict }) => ({
      name,
      tick: firstTick,
      verdict: verdict.kind,
      scope: 'all',
      detail:
        verdict.kind === 'not checked' ? verdict.reason : verdict.kind === 'different' ? 'behind' : null,
    })),
  ]);
}
