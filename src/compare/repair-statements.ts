import { quoteIdentifier, quoteLiteral, quoteName } from '../db/identifier.js';
import type { RowRepair } from './repair-events.js';
import type { NamedRow } from './rows-by-key.js';
import type { TablePlan } from './table-plan.js';

/** What stands before the statements of a repair that a person runs: neither triggers nor foreign keys fire. */
export const REPAIR_HEAD: readonly string[] = [
  'begin;',
  'set local session_replication_role = replica;',
  "set local datestyle = 'ISO'; set local intervalstyle = 'postgres'; set local timezone = 'UTC';",
  "set local bytea_output = 'hex'; set local extra_float_digits = 3; set local lc_monetary = 'C';",
];

export const REPAIR_TAIL = 'commit;';

/** One repair as a statement for a person. Values are texts, which the columns' types read. */
export function repairStatement(plan: TablePlan, repair: RowRepair): string {
  switch (repair.kind) {
    case 'insert':
      return insertStatement(plan, repair.row);
    case 'update':
      return `update ${table(plan)} set ${assignments(plan, repair.row, repair.old)} where ${condition(plan, repair.old)};`;
    case 'delete':
      return `delete from ${table(plan)} where ${condition(plan, repair.old)};`;
  }
}

function insertStatement(plan: TablePlan, { texts }: NamedRow): string {
  const written = plan.columns.flatMap((column, index) =>
    column.isGenerated ? [] : [{ column, value: literal(texts[index]) }],
  );
  const names = written.map(({ column }) => quoteIdentifier(column.name)).join(', ');
  const overriding = written.some(({ column }) => column.isIdentityAlways) ? ' overriding system value' : '';
  const values = written.map(({ value }) => value).join(', ');
  return `insert into ${quoteName(plan.sides.subscriber.shape.destTable)} (${names})${overriding} values (${values});`;
}

/** The columns whose values differ. */
function assignments({ columns }: TablePlan, row: NamedRow, old: NamedRow): string {
  return columns
    .flatMap(({ name, isGenerated }, index) =>
      isGenerated || row.valueHashes[index] === old.valueHashes[index]
        ? []
        : [`${quoteIdentifier(name)} = ${literal(row.texts[index])}`],
    )
    .join(', ');
}

function condition(plan: TablePlan, { key, texts }: NamedRow): string {
  if (key !== null) {
    return plan.keyColumns.map((name, i) => `${quoteIdentifier(name)} = ${literal(key[i])}`).join(' and ');
  }
  // One of the rows that are alike; not every type has an equality, so texts are compared.
  const alike = plan.columns
    .map(({ name }, i) => `${quoteIdentifier(name)}::text is not distinct from ${literal(texts[i])}`)
    .join(' and ');
  return `(tableoid, ctid) = (select tableoid, ctid from ${table(plan)} where ${alike} limit 1)`;
}

function table({ sides }: TablePlan): string {
  const { destTable, isPartitioned } = sides.subscriber.shape;
  return `${isPartitioned ? '' : 'only '}${quoteName(destTable)}`;
}

function literal(text: string | null | undefined): string {
  return text === null || text === undefined ? 'null' : quoteLiteral(text).trimStart();
}
