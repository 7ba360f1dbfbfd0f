import Table from 'cli-table3';
import type { Output } from './output.js';

/**
 * Prints rows under headings: ruled on a terminal, else as plain columns with two spaces between them, which scripts
 * can read. Prints nothing at all without rows.
 */
export function printTable(
  output: Output,
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): void {
  if (rows.length === 0) return;
  const text = output.isTerminal ? ruledTable(headings, rows) : plainTable(headings, rows);
  for (const line of text.split('\n')) output.print(line);
}

function ruledTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new Table({
    head: [...headings],
    style: { head: ['bold'], border: ['grey'], compact: true },
  });
  table.push(...rows.map((row) => [...row]));
  return table.toString();
}

/** Columns as wide as their widest cell; no spaces at the end of a line. */
export function plainTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headings, ...rows];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
