import { quoteIdentifier } from '../db/identifier.js';
import { hasColumn } from '../handlers/row-selection.js';
import { sqlName } from '../schema/statements.js';
import type { CompareContext, TablePair } from './compare-context.js';
import { type Candidate, shown } from './finding.js';
import type { TableSide } from './table-side.js';

/** Compares what columns take when nothing is said. Pure. */
export function compareDefaults(
  pair: TablePair,
  there: TableSide,
  here: TableSide,
  context: CompareContext,
): Candidate[] {
  const { selection, columnHere } = pair.handler;
  // A handler that renames columns or makes values says nothing of their defaults.
  if (columnHere !== undefined) return [];
  const sql = sqlName(here.table.name);
  const columnsHere = new Set(here.table.columns.map(({ name }) => name));
  const common = here.table.columns.filter(
    ({ name }) =>
      there.table.columns.some((column) => column.name === name) &&
      hasColumn(selection, name) &&
      !selection.values.has(name),
  );
  return common.flatMap(({ name }) => {
    const [from, to] = [there.defaults.get(name), here.defaults.get(name)];
    if (from === to || !columnsHere.has(name)) return [];
    const alter = `ALTER TABLE ${sql} ALTER COLUMN ${quoteIdentifier(name)}`;
    const text = (expression: string | undefined) => (expression === undefined ? 'none' : shown(expression));
    return [
      {
        severity: 'differs',
        what: 'default',
        difference: to === undefined ? 'missing' : from === undefined ? 'extra' : 'different',
        table: pair.tableName,
        object: `column ${name}`,
        node: context.here,
        message: `the default of column ${name}: ${text(from)} on "${context.there}", ${text(to)} on "${context.here}"`,
        mend: {
          node: context.here,
          statements: [from === undefined ? `${alter} DROP DEFAULT` : `${alter} SET DEFAULT ${from}`],
        },
        doubt:
          from === undefined || to === undefined
            ? undefined
            : { kind: 'expressions', table: null, there: [from], here: [to] },
      } satisfies Candidate,
    ];
  });
}
