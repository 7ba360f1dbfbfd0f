import type { QualifiedName } from '../db/identifier.js';
import type { ConstraintObject, DatabaseObject, PartBase, TableObject } from './database-object.js';
import { nameOf, type ObjectsByName } from './objects-by-name.js';

/** A table that is to be made in another database. */
export interface TableRequest {
  /** Its name in the source. */
  readonly name: QualifiedName;
  /** With everything that belongs to it; else columns, their defaults, and the primary key. */
  readonly full: boolean;
  /** Only these columns; undefined: all. */
  readonly columns: readonly string[] | undefined;
}

/** What is there already. */
export interface PresentObjects {
  /** Keys of all objects but tables and what belongs to them. */
  readonly keys: ReadonlySet<string>;
  /** `schema.name` of tables, views and the like. */
  readonly relations: ReadonlySet<string>;
}

export interface SelectedTable {
  readonly table: TableObject;
  /** The table, its partitions, what belongs to them and what they need that is not there. */
  readonly objects: readonly DatabaseObject[];
  /** They are for later: when both tables have their rows. */
  readonly foreignKeys: readonly ConstraintObject[];
  /** What is left out, and why: sentences without a full stop. */
  readonly notes: readonly string[];
}

/** What a table can need and is made with it. */
const MADE_WITH_IT = new Set<DatabaseObject['kind']>([
  'schema',
  'extension',
  'collation',
  'enum',
  'composite',
  'range',
  'domain',
  'domain constraint',
  'function',
  'procedure',
  'aggregate',
  'sequence',
]);

/**
 * Chooses the objects of the source that make one table somewhere else. Undefined when the source has no such table. Pure.
 */
export function selectTable(
  source: ObjectsByName,
  present: PresentObjects,
  request: TableRequest,
): SelectedTable | undefined {
  const selection = new Selection(source, present, request);
  return selection.run();
}

class Selection {
  readonly #source: ObjectsByName;
  readonly #present: PresentObjects;
  readonly #request: TableRequest;
  readonly #notes: string[] = [];

  constructor(source: ObjectsByName, present: PresentObjects, request: TableRequest) {
    this.#source = source;
    this.#present = present;
    this.#request = request;
  }

  run(): SelectedTable | undefined {
    const table = this.#source.table(this.#request.name);
    if (table === undefined) return undefined;
    const tables = this.#tree(table);
    const chosen = new Map<string, DatabaseObject>();
    for (const one of tables.values()) chosen.set(one.key, this.#shape(one));
    // What the columns themselves need comes in any case.
    const coming = new Set(this.#closure([...chosen.keys()]).map(({ key }) => key));
    for (const part of this.#parts(tables)) {
      if (this.#hasColumns(part) && this.#hasNeeds(part, tables, coming)) chosen.set(part.key, part);
    }
    for (const object of this.#closure([...chosen.keys()])) chosen.set(object.key, object);
    return {
      table,
      objects: [...chosen.values()],
      foreignKeys: this.#request.full ? this.#foreignKeys(tables) : [],
      notes: this.#notes,
    };
  }

  /** The table and its partitions, by name. */
  #tree(table: TableObject): Map<string, TableObject> {
    const tree = new Map([[nameOf(table.name), table]]);
    // What is added on the way is gone through too.
    for (const name of tree.keys()) {
      for (const partition of this.#source.partitions.get(name) ?? []) {
        const below = this.#source.table(partition.table);
        if (below !== undefined) tree.set(nameOf(partition.table), below);
      }
    }
    return tree;
  }

  /** The table as it is to be made. */
  #shape(table: TableObject): TableObject {
    const inherited = this.#withParents(table);
    const { columns: wanted, full } = this.#request;
    const columns = inherited.columns.filter(({ name }) => wanted === undefined || wanted.includes(name));
    if (full) return { ...inherited, columns, privileges: this.#privileges(table) };
    return {
      ...inherited,
      columns: columns.map((column) => ({
        ...column,
        storage: null,
        compression: null,
        statistics: null,
        options: [],
        comment: null,
      })),
      owner: null,
      comment: null,
      privileges: [],
      options: [],
      accessMethod: null,
      tablespace: null,
      rowSecurity: false,
      forceRowSecurity: false,
    };
  }

  #privileges({ privileges }: TableObject): TableObject['privileges'] {
    const { columns } = this.#request;
    return privileges.filter(
      ({ column }) => column === undefined || columns === undefined || columns.includes(column),
    );
  }

  /** Without parents that are not there, it has their columns itself. */
  #withParents(table: TableObject): TableObject {
    const missing = table.parents.filter((parent) => !this.#present.relations.has(nameOf(parent)));
    if (table.parents.length === 0 || (missing.length === 0 && this.#request.columns === undefined))
      return table;
    const names = missing.map(nameOf).join(', ');
    this.#notes.push(
      missing.length === 0
        ? 'it inherits from no table: it is to have some of the columns only'
        : `it inherits from no table: ${names} is not there`,
    );
    const parents = table.parents.map((parent) => this.#source.table(parent));
    return {
      ...table,
      parents: [],
      columns: table.columns.map((column) => {
        const above = parents.flatMap(
          (parent) => parent?.columns.find(({ name }) => name === column.name) ?? [],
        );
        const notNull = column.notNull ?? above.find((parent) => parent.notNull !== null)?.notNull ?? null;
        return { ...column, isLocal: true, notNull: notNull === null ? null : { ...notNull, name: null } };
      }),
    };
  }

  #parts(tables: ReadonlyMap<string, TableObject>): DatabaseObject[] {
    const { full } = this.#request;
    const parts = [...tables.keys()].flatMap((name) => this.#source.parts.get(name) ?? []);
    return parts
      .filter((object) => {
        if (object.kind === 'sequence owner') return full;
        if (object.kind === 'partition') {
          return (
            tables.has(nameOf(object.parent)) || (full && this.#present.relations.has(nameOf(object.parent)))
          );
        }
        if (object.kind === 'foreign key') return false;
        return full || object.kind === 'primary key' || object.kind === 'default';
      })
      .map((object) => this.#standalone(object, tables));
  }

  /** An index is no part of another that is not there. */
  #standalone(object: DatabaseObject, tables: ReadonlyMap<string, TableObject>): DatabaseObject {
    if (!('parentIndex' in object) || object.parentIndex === null) return object;
    const parent = this.#source.indexes.get(nameOf(object.parentIndex));
    const isMade =
      parent !== undefined &&
      (this.#request.full || parent.kind === 'primary key') &&
      (tables.has(nameOf(parent.table)) || this.#present.relations.has(nameOf(object.parentIndex)));
    return isMade ? object : { ...object, parentIndex: null };
  }

  /** Whether a part's columns are all made. */
  #hasColumns(part: DatabaseObject): boolean {
    const { columns } = this.#request;
    if (columns === undefined || !('columns' in part) || part.kind === 'table') return true;
    const missing = (part as PartBase).columns.filter((name) => !columns.includes(name));
    if (missing.length === 0) return true;
    if (part.kind !== 'default') this.#notes.push(`${part.key} is left out: it needs ${missing.join(', ')}`);
    return false;
  }

  /** Whether what a part needs is there, is made, or can be made with it. */
  #hasNeeds(
    part: DatabaseObject,
    tables: ReadonlyMap<string, TableObject>,
    coming: ReadonlySet<string>,
  ): boolean {
    for (const key of this.#source.source.needs.get(part.key) ?? []) {
      const needed = this.#source.byKey.get(key);
      if (needed === undefined || this.#isPresent(needed) || coming.has(key)) continue;
      if (needed.kind === 'table' && tables.has(nameOf(needed.name))) continue;
      if ('table' in needed && tables.has(nameOf(needed.table))) continue;
      // The parent's index, of which that of a partition is a part: by itself it is none.
      if ('parentIndex' in needed && 'parentIndex' in part && part.kind !== 'foreign key') continue;
      // A default is for rows that are inserted here: only --create-full brings what it needs.
      const canCome = MADE_WITH_IT.has(needed.kind) && (this.#request.full || part.kind !== 'default');
      if (canCome) continue;
      this.#notes.push(`${part.key} is left out: it needs ${key}, which is not there`);
      return false;
    }
    return true;
  }

  #isPresent(object: DatabaseObject): boolean {
    if (object.kind === 'table' || object.kind === 'view' || object.kind === 'materialized view') {
      return this.#present.relations.has(nameOf(object.name));
    }
    return this.#present.keys.has(object.key);
  }

  /** All that the objects need and is not there, with what that needs. */
  #closure(keys: readonly string[]): DatabaseObject[] {
    const seen = new Set(keys);
    const found: DatabaseObject[] = [];
    const open = [...keys];
    for (let key = open.pop(); key !== undefined; key = open.pop()) {
      const needs = [...(this.#source.source.needs.get(key) ?? [])];
      const domain = this.#source.byKey.get(key);
      if (domain?.kind === 'domain') {
        const constraints = this.#source.domainConstraints.get(nameOf(domain.name)) ?? [];
        needs.push(...constraints.map((constraint) => constraint.key));
      }
      for (const need of needs) {
        const object = this.#source.byKey.get(need);
        if (seen.has(need) || object === undefined) continue;
        seen.add(need);
        if (!MADE_WITH_IT.has(object.kind) || this.#isPresent(object)) continue;
        found.push(this.#request.full ? object : { ...object, owner: null, comment: null, privileges: [] });
        open.push(need);
      }
    }
    return found;
  }

  /** Foreign keys both of whose tables are there then. */
  #foreignKeys(tables: ReadonlyMap<string, TableObject>): ConstraintObject[] {
    const isThere = (name: QualifiedName | null): boolean =>
      name !== null && (tables.has(nameOf(name)) || this.#present.relations.has(nameOf(name)));
    const keys = new Set(
      [...tables.keys()].flatMap((name) => [
        ...(this.#source.parts.get(name) ?? []).filter((part) => part.kind === 'foreign key'),
        ...(this.#source.references.get(name) ?? []),
      ]),
    );
    return [...keys].filter((key): key is ConstraintObject => {
      if (key.kind !== 'foreign key' || key.otherTable === null) return false;
      const isOfTree = tables.has(nameOf(key.table));
      if (isOfTree && !this.#hasColumns(key)) return false;
      if (isThere(key.table) && isThere(key.otherTable)) return true;
      if (isOfTree) {
        this.#notes.push(
          `foreign key ${key.name} is left out until ${nameOf(key.otherTable)} is made with --create-full too`,
        );
      }
      return false;
    });
  }
}
