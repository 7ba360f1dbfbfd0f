import { createHash } from 'node:crypto';
import type { ExitCode } from '../errors/catalogue.js';
import type { Checksum } from './buckets.js';
import type { TableComparison, TableVerdict } from './compare-table.js';
import type { Comparison } from './compare-tables.js';
import type { RowKey, RowList } from './row-differences.js';

/** The result of one table as lines for a person; the first one begins with the table's name. */
export function tableLines(comparison: TableComparison, countOnly: boolean): string[] {
  const { tableName, totals, seconds, verdict, ignoredColumns = [] } = comparison;
  if (verdict.kind === 'not checked') {
    return [`${tableName}: NOT CHECKED: ${verdict.reason} (${verdict.code})`];
  }
  const lines = [
    `${tableName}: ${verdict.kind === 'equal' ? 'equal' : 'DIFFERENT'} (${seconds.toFixed(1)} s)`,
  ];
  if (totals !== undefined) {
    lines.push(`    provider:   ${totalText(totals.provider, countOnly)}`);
    lines.push(`    subscriber: ${totalText(totals.subscriber, countOnly)}`);
  }
  if (ignoredColumns.length > 0) {
    lines.push(`    not compared, for the provider's trigger ignores them: ${ignoredColumns.join(', ')}`);
  }
  if (verdict.kind === 'different') lines.push(...differenceLines(verdict));
  return lines;
}

/** The last line. */
export function summaryLine(comparison: Comparison): string {
  const { different, notChecked } = countVerdicts(comparison);
  const total = comparison.tables.length;
  const compared = `${total} ${total === 1 ? 'table' : 'tables'} compared at tick ${comparison.tick}`;
  if (different === 0 && notChecked === 0) return `${compared}: all equal`;
  return `${compared}: ${different} different, ${notChecked} not checked`;
}

/** The whole result for a program; counts as texts where JavaScript's numbers could not hold them. */
export function comparisonJson(comparison: Comparison, countOnly: boolean): unknown {
  return {
    tick: comparison.tick.toString(),
    ...countVerdicts(comparison),
    tables: comparison.tables.map((table) => ({
      table: table.tableName,
      verdict: table.verdict.kind,
      seconds: Number(table.seconds.toFixed(3)),
      ...(table.totals === undefined
        ? {}
        : {
            provider: totalJson(table.totals.provider, countOnly),
            subscriber: totalJson(table.totals.subscriber, countOnly),
          }),
      ...(table.ignoredColumns === undefined || table.ignoredColumns.length === 0
        ? {}
        : { ignoredColumns: table.ignoredColumns }),
      ...verdictJson(table.verdict),
    })),
  };
}

/**
 * 0 only when all tables were looked at and are equal; 2 when one is different, which no other table can change; 3 when one
 * could not be looked at.
 */
export function exitCodeOf(comparison: Comparison): ExitCode {
  const { different, notChecked } = countVerdicts(comparison);
  if (different > 0) return 2;
  return notChecked > 0 || comparison.tables.length === 0 ? 3 : 0;
}

function countVerdicts({ tables }: Comparison) {
  const count = (kind: TableVerdict['kind']) => tables.filter((table) => table.verdict.kind === kind).length;
  return { equal: count('equal'), different: count('different'), notChecked: count('not checked') };
}

function differenceLines(verdict: TableVerdict & { readonly kind: 'different' }): string[] {
  const { missingColumns, differences } = verdict;
  const lines: string[] = [];
  if (missingColumns.length > 0) {
    lines.push(`    columns missing on the subscriber: ${missingColumns.join(', ')}`);
  }
  if (differences === undefined) return lines;
  const least = differences.isComplete ? '' : 'at least ';
  for (const [label, list] of [
    ['changed', differences.changed],
    ['missing on the subscriber', differences.missing],
    ['extra on the subscriber', differences.extra],
  ] as const) {
    if (list.count > 0n) lines.push(`    ${label}: ${least}${rowListText(list)}`);
  }
  return lines;
}

function rowListText(list: RowList): string {
  const rows = `${list.count} ${list.count === 1n ? 'row' : 'rows'}`;
  if (list.keys.length === 0) return rows;
  const more = list.count > BigInt(list.keys.length) ? ', …' : '';
  return `${rows}, key ${list.keys.map(keyText).join(', ')}${more}`;
}

const KEY_TEXT_LENGTH = 100;

/** JSON quotes what would not be seen, such as a space at the end. */
export function keyText(key: RowKey): string {
  const parts = key.map((text) => {
    if (text === null) return 'null';
    const short = text.length > KEY_TEXT_LENGTH ? `${text.slice(0, KEY_TEXT_LENGTH)}…` : text;
    return /^[\w.:+-]+$/.test(short) ? short : JSON.stringify(short);
  });
  return parts.length === 1 ? (parts[0] as string) : `(${parts.join(', ')})`;
}

function totalText(total: Checksum, countOnly: boolean): string {
  return countOnly ? `${total.rows} rows` : `${total.rows} rows, checksum=${checksumText(total)}`;
}

/** Both sums and the count in a form that a person can compare. */
function checksumText({ rows, high, low }: Checksum): string {
  return createHash('sha256').update(`${rows} ${high} ${low}`).digest('hex').slice(0, 32);
}

function totalJson(total: Checksum, countOnly: boolean) {
  return { rows: numberJson(total.rows), ...(countOnly ? {} : { checksum: checksumText(total) }) };
}

function verdictJson(verdict: TableVerdict) {
  switch (verdict.kind) {
    case 'equal':
      return {};
    case 'not checked':
      return { code: verdict.code, reason: verdict.reason };
    case 'different': {
      const { missingColumns, differences } = verdict;
      if (differences === undefined) return { missingColumns };
      return {
        missingColumns,
        allRowsLookedAt: differences.isComplete,
        changed: rowListJson(differences.changed),
        missing: rowListJson(differences.missing),
        extra: rowListJson(differences.extra),
      };
    }
  }
}

function rowListJson(list: RowList) {
  return { rows: numberJson(list.count), keys: list.keys };
}

function numberJson(value: bigint): number | string {
  return value <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(value) : value.toString();
}
