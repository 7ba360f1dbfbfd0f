import { quoteIdentifier } from '../db/identifier.js';
import type { SequenceOptions, TableColumn, TableObject } from './database-object.js';
import { commentStatements, Lacks, sqlName, sqlOption } from './statements.js';
import type { Target } from './target.js';

export interface TableStatements {
  readonly create: readonly string[];
  readonly comments: readonly string[];
  readonly notes: readonly string[];
}

/** The statements that make a table with its columns: without defaults, constraints, indexes and its place in a partitioned table. */
export function tableStatements(table: TableObject, target: Target): TableStatements {
  const lacks = new Lacks(target.version);
  const name = sqlName(table.name);
  const columns = table.columns.filter(
    ({ name: column, generated }) =>
      generated === null || !lacks.before(12, `column ${column} is left out: it is generated`),
  );
  const create = [createStatement(table, columns, target, lacks)];
  for (const column of columns) create.push(...columnStatements(name, table, column, lacks));
  if (table.rowSecurity) create.push(`ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY`);
  if (table.forceRowSecurity) create.push(`ALTER TABLE ONLY ${name} FORCE ROW LEVEL SECURITY`);
  const comments = [
    ...commentStatements(`TABLE ${name}`, table.comment),
    ...columns.flatMap(({ name: column, comment }) =>
      commentStatements(`COLUMN ${name}.${quoteIdentifier(column)}`, comment),
    ),
    ...columns.flatMap(({ identity }) =>
      identity === null ? [] : commentStatements(`SEQUENCE ${sqlName(identity.sequence)}`, identity.comment),
    ),
  ];
  return { create, comments, notes: lacks.notes };
}

function createStatement(
  table: TableObject,
  columns: readonly TableColumn[],
  target: Target,
  lacks: Lacks,
): string {
  const parts = [`CREATE ${table.isUnlogged ? 'UNLOGGED ' : ''}TABLE ${sqlName(table.name)}`];
  if (table.ofType === null) {
    const own = columns.flatMap((column) =>
      column.isLocal ? columnText(table, column, lacks) : inheritedText(column, lacks),
    );
    parts.push(own.length === 0 ? '()' : `(\n    ${own.join(',\n    ')}\n)`);
  } else {
    parts.push(`OF ${table.ofType}`);
  }
  if (table.parents.length > 0) parts.push(`INHERITS (${table.parents.map(sqlName).join(', ')})`);
  if (table.partitionKey !== null) parts.push(`PARTITION BY ${table.partitionKey}`);
  if (table.accessMethod !== null && !lacks.before(12, `access method ${table.accessMethod} is left out`)) {
    parts.push(`USING ${quoteIdentifier(table.accessMethod)}`);
  }
  const options = knownOptions(table.options, lacks);
  if (options.length > 0) parts.push(`WITH (${options.map(sqlOption).join(', ')})`);
  const tablespace = knownTablespace(table.tablespace, target, lacks);
  if (tablespace !== undefined) parts.push(`TABLESPACE ${tablespace}`);
  return parts.join(' ');
}

/** Where something is to be kept, quoted; undefined: in the database's own. */
export function knownTablespace(name: string | null, target: Target, lacks: Lacks): string | undefined {
  if (name === null) return undefined;
  if (target.tablespaces.has(name)) return quoteIdentifier(name);
  lacks.notes.push(
    `tablespace "${name}" does not exist there, or is not for our role: the default one is used`,
  );
  return undefined;
}

/** The first version that knows an option; what is not named all do. */
const OPTIONS_SINCE: Readonly<Record<string, number>> = {
  toast_tuple_target: 11,
  vacuum_index_cleanup: 12,
  vacuum_truncate: 12,
  deduplicate_items: 13,
  autovacuum_vacuum_insert_threshold: 13,
  autovacuum_vacuum_insert_scale_factor: 13,
  security_invoker: 15,
  autovacuum_vacuum_max_threshold: 18,
  vacuum_max_eager_freeze_failure_rate: 18,
};

/** The storage options that the target knows; the others become notes. */
export function knownOptions(options: readonly string[], lacks: Lacks): string[] {
  return options.filter((option) => {
    const name = (option.split('=')[0] ?? '').replace(/^toast\./, '');
    const since = OPTIONS_SINCE[name];
    return since === undefined || !lacks.before(since, `option ${name} is left out`);
  });
}

function columnText(table: TableObject, column: TableColumn, lacks: Lacks): string {
  const { name, type, collation, identity, generated, notNull } = column;
  const parts = [quoteIdentifier(name), type];
  if (collation !== null) parts.push(`COLLATE ${collation}`);
  if (generated !== null) {
    const isVirtual =
      !generated.stored && !lacks.before(18, `generated column ${name} is stored instead of virtual`);
    parts.push(`GENERATED ALWAYS AS (${generated.expression}) ${isVirtual ? 'VIRTUAL' : 'STORED'}`);
  }
  if (identity !== null) {
    const sequence = `SEQUENCE NAME ${sqlName(identity.sequence)} ${sequenceText(identity.options)}`;
    parts.push(`GENERATED ${identity.always ? 'ALWAYS' : 'BY DEFAULT'} AS IDENTITY (${sequence})`);
  }
  if (notNull?.isValid === true && table.ofType === null) parts.push(notNullText(notNull, lacks));
  return parts.join(' ');
}

/** Of a column that a parent has: NOT NULL of its own, which is a constraint since PostgreSQL 18. */
function inheritedText({ name, notNull }: TableColumn, lacks: Lacks): string[] {
  if (notNull?.isValid !== true || lacks.before(18)) return [];
  const constraint = notNull.name === null ? '' : `CONSTRAINT ${quoteIdentifier(notNull.name)} `;
  return [`${constraint}NOT NULL ${quoteIdentifier(name)}${notNull.noInherit ? ' NO INHERIT' : ''}`];
}

function notNullText(notNull: NonNullable<TableColumn['notNull']>, lacks: Lacks): string {
  // Its name changes nothing, and it has none before PostgreSQL 18.
  const name =
    notNull.name === null || lacks.before(18) ? '' : `CONSTRAINT ${quoteIdentifier(notNull.name)} `;
  return `${name}NOT NULL${notNull.noInherit && !lacks.before(18) ? ' NO INHERIT' : ''}`;
}

/** What CREATE TABLE does not say of a column. */
function columnStatements(name: string, table: TableObject, column: TableColumn, lacks: Lacks): string[] {
  const quoted = quoteIdentifier(column.name);
  const alter = `ALTER TABLE ONLY ${name} ALTER COLUMN ${quoted}`;
  const statements = notNullStatements(name, table, column, lacks);
  if (column.storage !== null) statements.push(`${alter} SET STORAGE ${column.storage}`);
  if (column.compression !== null && !lacks.before(14, `compression of column ${column.name} is left out`)) {
    statements.push(`${alter} SET COMPRESSION ${column.compression}`);
  }
  if (column.statistics !== null) statements.push(`${alter} SET STATISTICS ${column.statistics}`);
  if (column.options.length > 0)
    statements.push(`${alter} SET (${column.options.map(sqlOption).join(', ')})`);
  return statements;
}

/** NOT NULL that is not in CREATE TABLE: of a column that a parent or a type gives, or that old rows break. */
function notNullStatements(name: string, table: TableObject, column: TableColumn, lacks: Lacks): string[] {
  const { notNull } = column;
  if (notNull === null) return [];
  const quoted = quoteIdentifier(column.name);
  if (!notNull.isValid) {
    if (lacks.before(18, `NOT NULL of column ${column.name} is left out: it is not valid`)) return [];
    const constraint = notNull.name ?? `${table.name.name}_${column.name}_not_null`;
    return [`ALTER TABLE ${name} ADD CONSTRAINT ${quoteIdentifier(constraint)} NOT NULL ${quoted} NOT VALID`];
  }
  if (table.ofType === null && (column.isLocal || !lacks.before(18) || column.isNotNullAbove)) return [];
  if (notNull.name !== null && !lacks.before(18)) {
    return [`ALTER TABLE ONLY ${name} ADD CONSTRAINT ${quoteIdentifier(notNull.name)} NOT NULL ${quoted}`];
  }
  return [`ALTER TABLE ONLY ${name} ALTER COLUMN ${quoted} SET NOT NULL`];
}

/** The options of a sequence, as CREATE SEQUENCE takes them after the type. */
export function sequenceText(options: SequenceOptions): string {
  const { start, increment, min, max, cache, cycle } = options;
  return (
    `START WITH ${start} INCREMENT BY ${increment} MINVALUE ${min} MAXVALUE ${max} CACHE ${cache}` +
    `${cycle ? ' CYCLE' : ''}`
  );
}
