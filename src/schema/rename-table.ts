import { type QualifiedName, quoteLiteral } from '../db/identifier.js';
import type { ConstraintObject, DatabaseObject, TableColumn, TableObject } from './database-object.js';
import { fittingName } from './fitting-name.js';
import { nameOf } from './objects-by-name.js';
import type { SelectedTable } from './select-table.js';
import { sqlName } from './statements.js';

/**
 * Gives a selected table another name: its partitions, indexes, keys, statistics and own sequences get names that fit, those that hold
 * the table's name with the new one in its place, the others with the new one before them. Pure.
 */
export function renameTable(selected: SelectedTable, to: QualifiedName): SelectedTable {
  const from = selected.table.name;
  if (nameOf(from) === nameOf(to)) return selected;
  const names = new Names(selected, to);
  return {
    table: { ...selected.table, name: to },
    objects: [
      ...selected.objects.map((object) => names.rename(object)),
      ...(selected.objects.some(({ key }) => key === `schema ${to.schema}`) ? [] : [schemaOf(to.schema)]),
    ],
    foreignKeys: selected.foreignKeys.map((key) => names.rename(key) as ConstraintObject),
    notes: selected.notes,
  };
}

/** The schema of a table under another name. One that is there already is not made. */
function schemaOf(name: string): DatabaseObject {
  return {
    kind: 'schema',
    key: `schema ${name}`,
    address: '',
    name,
    owner: null,
    comment: null,
    privileges: [],
  };
}

class Names {
  readonly #from: QualifiedName;
  readonly #to: QualifiedName;
  /** By `schema.name`: of tables and of sequences that are theirs. */
  readonly #relations = new Map<string, QualifiedName>();

  constructor(selected: SelectedTable, to: QualifiedName) {
    this.#from = selected.table.name;
    this.#to = to;
    for (const object of selected.objects) {
      if (object.kind === 'table') this.#relations.set(nameOf(object.name), this.#table(object));
      if (object.kind === 'sequence owner')
        this.#relations.set(nameOf(object.sequence), this.#fit(object.sequence));
    }
  }

  rename(object: DatabaseObject): DatabaseObject {
    switch (object.kind) {
      case 'table': {
        const name = this.#relation(object.name);
        return { ...object, name, columns: object.columns.map((column) => this.#column(column)) };
      }
      case 'sequence':
        return { ...object, name: this.#relation(object.name) };
      case 'sequence owner':
        return {
          ...object,
          sequence: this.#relation(object.sequence),
          table: this.#relation(object.table),
        };
      case 'default':
        return {
          ...object,
          table: this.#relation(object.table),
          expression: this.#expression(object.expression),
        };
      case 'partition':
        return { ...object, table: this.#relation(object.table), parent: this.#relation(object.parent) };
      case 'statistics':
        return { ...object, table: this.#relation(object.table), name: this.#fit(object.name) };
      case 'foreign key':
        return this.#foreignKey(object);
      case 'primary key':
      case 'unique':
      case 'exclusion':
      case 'index':
        return {
          ...object,
          table: this.#relation(object.table),
          name: this.#fit({ schema: object.table.schema, name: object.name }).name,
          parentIndex: object.parentIndex === null ? null : this.#fit(object.parentIndex),
        };
      default:
        return 'table' in object ? { ...object, table: this.#relation(object.table) } : object;
    }
  }

  #table({ name }: TableObject): QualifiedName {
    return nameOf(name) === nameOf(this.#from) ? this.#to : this.#fit(name);
  }

  #fit({ name }: QualifiedName): QualifiedName {
    return { schema: this.#to.schema, name: fittingName(name, this.#from.name, this.#to.name) };
  }

  #relation(name: QualifiedName): QualifiedName {
    return this.#relations.get(nameOf(name)) ?? name;
  }

  #column(column: TableColumn): TableColumn {
    if (column.identity === null) return column;
    return { ...column, identity: { ...column.identity, sequence: this.#fit(column.identity.sequence) } };
  }

  /** The default of a serial column takes its values from the sequence under its new name. */
  #expression(expression: string): string {
    let changed = expression;
    for (const [name, renamed] of this.#relations) {
      const [, written] = /^nextval\('((?:[^']|'')+)'::regclass\)$/.exec(expression) ?? [];
      if (written?.replaceAll("''", "'").replaceAll('"', '') !== name.replaceAll('"', '')) continue;
      changed = `nextval(${quoteLiteral(sqlName(renamed)).trimStart()}::regclass)`;
    }
    return changed;
  }

  #foreignKey(key: ConstraintObject): ConstraintObject {
    const other = key.otherTable === null ? null : this.#relation(key.otherTable);
    const definition =
      other === null || other === key.otherTable
        ? key.definition
        : key.definition.replace(
            / REFERENCES (?:[^("]|"(?:[^"]|"")*")+\(/,
            () => ` REFERENCES ${sqlName(other)}(`,
          );
    return { ...key, table: this.#relation(key.table), otherTable: other, definition };
  }
}
