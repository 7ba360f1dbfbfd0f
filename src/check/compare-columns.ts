import { quoteIdentifier } from '../db/identifier.js';
import { hasColumn, kindOfType } from '../handlers/row-selection.js';
import type { TableColumn, TableObject } from '../schema/database-object.js';
import { nameOf } from '../schema/objects-by-name.js';
import { sqlName } from '../schema/statements.js';
import { sequenceText } from '../schema/table-statements.js';
import { storageFacets } from './column-storage.js';
import { generatedText, identityText, isNotNull, isValid, storedText } from './column-text.js';
import { type CompareContext, isOtherwise, type TablePair } from './compare-context.js';
import { compareRights } from './compare-rights.js';
import type { Candidate, Severity } from './finding.js';
import { shown } from './finding.js';
import type { TableSide } from './table-side.js';
import { fits } from './type-fit.js';

const GENERATED_SINCE = 120_000;
const NOT_NULL_CONSTRAINTS_SINCE = 180_000;
/** The types of what a handler makes. */
const TYPE_OF_KIND = { integer: 'bigint', uuid: 'uuid', text: 'text' } as const;

/** Compares the columns of one table by their names. Pure. */
export function compareColumns(
  pair: TablePair,
  there: TableSide,
  here: TableSide,
  context: CompareContext,
): Candidate[] {
  const comparison = new ColumnComparison(pair, there, here, context);
  return comparison.run();
}

class ColumnComparison {
  readonly #pair: TablePair;
  readonly #there: TableSide;
  readonly #here: TableSide;
  readonly #context: CompareContext;
  readonly #sql: string;

  constructor(pair: TablePair, there: TableSide, here: TableSide, context: CompareContext) {
    this.#pair = pair;
    this.#there = there;
    this.#here = here;
    this.#context = context;
    this.#sql = sqlName(here.table.name);
  }

  run(): Candidate[] {
    const columnsHere = new Map(this.#here.table.columns.map((column) => [column.name, column]));
    const findings: Candidate[] = [];
    const expected = new Set<string>();
    for (const column of this.#there.table.columns) {
      const name = this.#nameHere(column.name);
      if (name === undefined) continue;
      expected.add(name);
      const other = columnsHere.get(name);
      findings.push(...(other === undefined ? this.#missing(column, name) : this.#both(column, other)));
    }
    const known = new Set(this.#there.table.columns.map(({ name }) => name));
    for (const column of this.#here.table.columns) {
      if (!expected.has(column.name)) findings.push(...this.#extra(column, known.has(column.name)));
    }
    return [...findings, ...this.#order(expected)];
  }

  /** Undefined: the column is not to be here. */
  #nameHere(name: string): string | undefined {
    const { selection, columnHere } = this.#pair.handler;
    if (!hasColumn(selection, name)) return undefined;
    return columnHere === undefined ? name : columnHere(name);
  }

  #finding(
    severity: Severity,
    what: string,
    difference: Candidate['difference'],
    column: string,
    message: string,
    statements: readonly string[] = [],
  ): Candidate {
    return {
      severity,
      what,
      difference,
      table: this.#pair.tableName,
      object: `column ${column}`,
      node: this.#context.here,
      message,
      mend: statements.length === 0 ? undefined : { node: this.#context.here, statements },
    };
  }

  #missing(column: TableColumn, name: string): Candidate[] {
    const { there, here, target } = this.#context;
    const isMissing = `column ${name} is missing on "${here}"`;
    if (column.generated !== null && target.version < GENERATED_SINCE) {
      const message = `${isMissing}: PostgreSQL before 12 has no generated columns`;
      return [this.#finding('hint', 'column', 'missing', name, message)];
    }
    const add = [`ALTER TABLE ${this.#sql} ADD COLUMN ${this.#declaration(column, name)}`];
    const type = `on "${there}" it is ${column.type}`;
    if (column.generated !== null) {
      const message = `${isMissing}; ${type}, generated, and no event has it`;
      return [this.#finding('differs', 'column', 'missing', name, message, add)];
    }
    if (this.#pair.ignored.has(column.name)) {
      const message = `${isMissing}; no event has it, as the trigger on "${there}" ignores it, but a copy of the table stops for it (PC403)`;
      return [this.#finding('hint', 'column', 'missing', name, message, add)];
    }
    const message = `${isMissing}; ${type}: the next change that has it is not taken (PC403). Rows that are here already need "repair" or "resync" then`;
    return [this.#finding('blocks', 'column', 'missing', name, message, add)];
  }

  /** The column as ADD COLUMN takes it. NOT NULL only where there is a value for the rows that are here. */
  #declaration(column: TableColumn, name: string): string {
    const expression = this.#there.defaults.get(column.name);
    const words = [quoteIdentifier(name), column.type];
    if (column.collation !== null) words.push(`COLLATE ${column.collation}`);
    if (column.generated !== null) words.push(generatedText(column.generated));
    else if (column.identity !== null) words.push(identityText(column.identity));
    else if (expression !== undefined) words.push(`DEFAULT ${expression}`);
    if (isNotNull(column) && (expression !== undefined || column.generated !== null)) words.push('NOT NULL');
    return words.join(' ');
  }

  #extra(column: TableColumn, isLeftOut: boolean): Candidate[] {
    const { there, here } = this.#context;
    const { name } = column;
    const hasValue = column.generated !== null || column.identity !== null || this.#here.defaults.has(name);
    const drop = `ALTER TABLE ${this.#sql} DROP COLUMN ${quoteIdentifier(name)}`;
    if (isNotNull(column) && !hasValue) {
      const why = isLeftOut
        ? `is not replicated to "${here}" and not null there`
        : `is on "${here}" only and not null`;
      const message = `column ${name} ${why}, without a default: no row can be inserted`;
      return [
        this.#finding('blocks', 'column', 'extra', name, message, [
          `ALTER TABLE ${this.#sql} ALTER COLUMN ${quoteIdentifier(name)} DROP NOT NULL`,
        ]),
      ];
    }
    if (isLeftOut) return [];
    const message = `column ${name} (${column.type}) is on "${here}" only, not on "${there}"; to drop it loses its values`;
    return [this.#finding('differs', 'column', 'extra', name, message, [drop])];
  }

  #both(column: TableColumn, other: TableColumn): Candidate[] {
    const made = this.#pair.handler.selection.values.get(column.name)?.('', kindOfType(column.type));
    if (made !== undefined) {
      const wanted = {
        ...column,
        type: TYPE_OF_KIND[made.kind],
        notNull: null,
        isNotNullAbove: !(made.isAlwaysNull ?? false),
      };
      return [
        ...(fits(wanted.type, other.type) ? [] : this.#type(wanted, other)),
        ...(made.isAlwaysNull === true && isNotNull(other) ? this.#notNull(wanted, other) : []),
      ];
    }
    return [
      ...this.#type(column, other),
      ...this.#collation(column, other),
      ...this.#notNull(column, other),
      ...this.#generated(column, other),
      ...this.#identity(column, other),
      ...storageFacets(
        column,
        other,
        this.#context,
        `ALTER TABLE ${this.#sql} ALTER COLUMN ${quoteIdentifier(other.name)}`,
      ).map(({ what, there, here, statement }) =>
        this.#finding(
          'differs',
          what,
          'different',
          other.name,
          `the ${what} of column ${other.name}: ${there} on "${this.#context.there}", ${here} on "${this.#context.here}"`,
          [statement],
        ),
      ),
      ...this.#ignoredHere(column, other),
    ];
  }

  #type(column: TableColumn, other: TableColumn): Candidate[] {
    if (column.type === other.type) return [];
    const { there, here } = this.#context;
    const isWider = fits(column.type, other.type);
    const message =
      `column ${other.name} is ${column.type} on "${there}" and ${other.type} on "${here}": ` +
      (isWider ? 'every value fits' : 'a value may not fit, or be another one here');
    const name = quoteIdentifier(other.name);
    return [
      this.#finding(isWider ? 'differs' : 'blocks', 'type', 'different', other.name, message, [
        `ALTER TABLE ${this.#sql} ALTER COLUMN ${name} TYPE ${column.type} USING ${name}::${column.type}`,
      ]),
    ];
  }

  #collation(column: TableColumn, other: TableColumn): Candidate[] {
    if (column.collation === other.collation) return [];
    const { there, here } = this.#context;
    const named = ({ collation }: TableColumn) => (collation === null ? 'that of its type' : collation);
    const message = `the collation of column ${other.name} is ${named(column)} on "${there}" and ${named(other)} on "${here}": texts sort in another order`;
    const collate = column.collation ?? 'pg_catalog."default"';
    return [
      this.#finding('differs', 'collation', 'different', other.name, message, [
        `ALTER TABLE ${this.#sql} ALTER COLUMN ${quoteIdentifier(other.name)} TYPE ${column.type} COLLATE ${collate}`,
      ]),
    ];
  }

  #notNull(column: TableColumn, other: TableColumn): Candidate[] {
    const [isThere, isHere] = [isNotNull(column), isNotNull(other)];
    const { there, here, target } = this.#context;
    const alter = `ALTER TABLE ${this.#sql} ALTER COLUMN ${quoteIdentifier(other.name)}`;
    if (isHere && !isThere) {
      const message = `column ${other.name} may be null on "${there}" and not on "${here}": a row with a null cannot be written`;
      return [this.#finding('blocks', 'not null', 'extra', other.name, message, [`${alter} DROP NOT NULL`])];
    }
    if (isThere && !isHere) {
      if (isOtherwise(this.#pair)) return [];
      // What old rows break is known from PostgreSQL 18 on.
      if (column.notNull?.isValid === false && target.version < NOT_NULL_CONSTRAINTS_SINCE) return [];
      const message = `column ${other.name} is not null on "${there}" and may be null on "${here}"`;
      return [
        this.#finding('differs', 'not null', 'missing', other.name, message, [`${alter} SET NOT NULL`]),
      ];
    }
    if (!isThere || isValid(column) === isValid(other)) return [];
    if (Math.min(this.#context.versionThere, target.version) < NOT_NULL_CONSTRAINTS_SINCE) return [];
    const [valid, not] = isValid(column) ? [there, here] : [here, there];
    const message = `NOT NULL of column ${other.name} is valid on "${valid}" and NOT VALID on "${not}"`;
    return [this.#finding('differs', 'not null', 'different', other.name, message)];
  }

  #generated(column: TableColumn, other: TableColumn): Candidate[] {
    const { there, here, target } = this.#context;
    const [from, to] = [column.generated, other.generated];
    const name = quoteIdentifier(other.name);
    const anew = [
      `ALTER TABLE ${this.#sql} DROP COLUMN ${name}`,
      `ALTER TABLE ${this.#sql} ADD COLUMN ${this.#declaration(column, other.name)}`,
    ];
    if (from === null && to === null) return [];
    if (from === null) {
      const message = `column ${other.name} is generated on "${here}" and not on "${there}": it cannot be written (PC403)`;
      return [this.#finding('blocks', 'generated column', 'extra', other.name, message, anew)];
    }
    if (to === null) {
      const message = `column ${other.name} is generated on "${there}" and not on "${here}": no event has it, and nobody computes it here`;
      // Before PostgreSQL 12 it cannot be otherwise.
      return [
        this.#finding(
          'blocks',
          'generated column',
          'missing',
          other.name,
          message,
          target.version < GENERATED_SINCE ? [] : anew,
        ),
      ];
    }
    const isVirtual = (stored: boolean) => !stored && target.version >= NOT_NULL_CONSTRAINTS_SINCE;
    const isSameStorage = isVirtual(from.stored) === isVirtual(to.stored);
    if (isSameStorage && from.expression === to.expression) return [];
    const message = `column ${other.name} is generated as (${shown(from.expression)})${storedText(from.stored)} on "${there}" and as (${shown(to.expression)})${storedText(to.stored)} on "${here}"`;
    const candidate = this.#finding('differs', 'generated column', 'different', other.name, message, anew);
    return [
      isSameStorage
        ? {
            ...candidate,
            doubt: { kind: 'expressions', table: this.#sql, there: [from.expression], here: [to.expression] },
          }
        : candidate,
    ];
  }

  #identity(column: TableColumn, other: TableColumn): Candidate[] {
    const { there, here } = this.#context;
    const [from, to] = [column.identity, other.identity];
    const alter = `ALTER TABLE ${this.#sql} ALTER COLUMN ${quoteIdentifier(other.name)}`;
    if (from === null && to === null) return [];
    if (from === null || to === null) {
      const [has, lacks] = from === null ? [here, there] : [there, here];
      const message = `column ${other.name} is an identity column on "${has}" and not on "${lacks}"`;
      const difference = from === null ? 'extra' : 'missing';
      const statement = from === null ? `${alter} DROP IDENTITY` : `${alter} ADD ${identityText(from)}`;
      return [this.#finding('differs', 'identity', difference, other.name, message, [statement])];
    }
    const kind = ({ always }: { readonly always: boolean }) =>
      `GENERATED ${always ? 'ALWAYS' : 'BY DEFAULT'}`;
    const [wanted, found] = [
      `${kind(from)} (${sequenceText(from.options)})`,
      `${kind(to)} (${sequenceText(to.options)})`,
    ];
    const rights = this.#identityRights(from, to);
    if (wanted === found) return rights;
    const message = `identity column ${other.name} is ${wanted} on "${there}" and ${found} on "${here}"`;
    const { type, ...options } = from.options;
    const set = sequenceText({ type, ...options })
      .replace(/ (?=(?:INCREMENT|MINVALUE|MAXVALUE|CACHE|CYCLE)\b)/g, ' SET ')
      .replace(/^START/, 'SET START');
    return [
      ...rights,
      this.#finding('differs', 'identity', 'different', other.name, message, [
        `${alter} SET ${kind(from)} ${set}${from.options.cycle ? '' : ' SET NO CYCLE'}`,
      ]),
    ];
  }

  #identityRights(
    from: NonNullable<TableColumn['identity']>,
    to: NonNullable<TableColumn['identity']>,
  ): Candidate[] {
    const side = (table: TableObject, { privileges }: typeof from) => ({ owner: table.owner, privileges });
    return compareRights(
      {
        table: this.#pair.tableName,
        object: `sequence ${nameOf(to.sequence)}`,
        // It belongs to whom the table belongs to.
        owned: undefined,
        granted: `SEQUENCE ${sqlName(to.sequence)}`,
        there: side(this.#there.table, from),
        here: side(this.#here.table, to),
      },
      this.#context,
    );
  }

  /** Events are without it, so an insert takes the default. */
  #ignoredHere(column: TableColumn, other: TableColumn): Candidate[] {
    const hasValue =
      other.identity !== null || other.generated !== null || this.#here.defaults.has(other.name);
    if (!this.#pair.ignored.has(column.name) || hasValue || !isNotNull(other)) return [];
    const { there, here } = this.#context;
    const message = `column ${other.name} is not null on "${here}", without a default, and the trigger on "${there}" leaves it out of events: no row can be inserted`;
    return [
      this.#finding('blocks', 'not null', 'different', other.name, message, [
        `ALTER TABLE ${this.#sql} ALTER COLUMN ${quoteIdentifier(other.name)} DROP NOT NULL`,
      ]),
    ];
  }

  /** Replication goes by names; an INSERT of the application's without a list of columns does not. */
  #order(expected: ReadonlySet<string>): Candidate[] {
    if (this.#pair.handler.columnHere !== undefined) return [];
    const namesHere = new Set(this.#here.table.columns.map(({ name }) => name));
    const there = this.#there.table.columns
      .map(({ name }) => name)
      .filter((name) => expected.has(name) && namesHere.has(name));
    const here = this.#here.table.columns.map(({ name }) => name).filter((name) => expected.has(name));
    const at = there.findIndex((name, index) => name !== here[index]);
    if (at < 0) return [];
    const message = `the columns stand in another order on "${this.#context.here}", from ${here[at]} on: replication goes by names, an INSERT without them does not`;
    return [this.#finding('hint', 'column order', 'different', here[at] ?? '', message)];
  }
}
