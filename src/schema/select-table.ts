import type { QualifiedName } from '../db/identifier.js';
import type { ConstraintObject, DatabaseObject, TableObject } from './database-object.js';
import { fittingName } from './fitting-name.js';
import { NEEDED_BY_TABLES } from './needed-by-tables.js';
import { nameOf, type ObjectsByName } from './objects-by-name.js';

/** A table that is to be made in another database. */
export interface TableRequest {
  /** Its name in the source. */
  readonly name: QualifiedName;
  /** Its name in the target. */
  readonly to: QualifiedName;
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

/** Rights of members come with the extension. */
const MADE_WITH_IT = new Set<DatabaseObject['kind']>([...NEEDED_BY_TABLES, 'member rights']);

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
  /** Of those that belong to the table: the name under which they are made. */
  readonly #ownSequences = new Map<string, string>();

  constructor(source: ObjectsByName, present: PresentObjects, request: TableRequest) {
    this.#source = source;
    this.#present = present;
    this.#request = request;
  }

  run(): SelectedTable | undefined {
    const table = this.#source.table(this.#request.name);
    if (table === undefined) return undefined;
    const tables = this.#tree(table);
    this.#nameSequences(tables);
    if (this.#isAlone(table)) this.#noteAlone(table);
    const chosen = new Map<string, DatabaseObject>();
    for (const one of tables.values()) chosen.set(one.key, this.#shape(one));
    // What the columns themselves need comes in any case.
    const coming = new Set(this.#closure([...chosen.keys()]).map(({ key }) => key));
    for (const part of this.#parts(table, tables)) {
      if (this.#hasColumns(part) && this.#hasNeeds(part, tables, coming)) chosen.set(part.key, part);
    }
    for (const object of this.#closure([...chosen.keys()])) chosen.set(object.key, object);
    return {
      table,
      objects: [...chosen.values()],
      foreignKeys: this.#request.full ? this.#foreignKeys(table, tables) : [],
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
        identity: column.identity === null ? null : { ...column.identity, privileges: [], comment: null },
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
    if (table.parents.length === 0 || !this.#isAlone(table)) return table;
    const missing = table.parents.filter((parent) => !this.#present.relations.has(nameOf(parent)));
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

  /** Whether it is made without what it is a partition or a child of. */
  #isAlone(table: TableObject): boolean {
    const { full, columns } = this.#request;
    const isThere = (parent: QualifiedName): boolean => this.#present.relations.has(nameOf(parent));
    const parent = this.#parentOf(table);
    if (parent !== undefined) return !full || !isThere(parent);
    return table.parents.length > 0 && (columns !== undefined || !table.parents.every(isThere));
  }

  #parentOf(table: TableObject): QualifiedName | undefined {
    const partition = this.#source.byKey.get(`partition ${nameOf(table.name)}`);
    return partition?.kind === 'partition' ? partition.parent : undefined;
  }

  /** What a partition does not get from its parent by our making it. */
  #noteAlone(table: TableObject): void {
    const name = this.#parentOf(table);
    if (name === undefined) return;
    this.#notes.push(`it is a table of its own, no partition of ${nameOf(name)}: its bounds are not checked`);
    const parent = this.#source.table(name);
    for (const column of table.columns) {
      const above = parent?.columns.find((other) => other.name === column.name);
      if (column.identity !== null || above === undefined || above.identity === null) continue;
      this.#notes.push(`column ${column.name} is no identity: its values come from that of ${nameOf(name)}`);
    }
  }

  /** What the table has from a parent without which it is made. */
  #fromParents(table: TableObject): readonly DatabaseObject[] {
    if (!this.#request.full || !this.#isAlone(table)) return [];
    return this.#source.inherited.get(nameOf(table.name)) ?? [];
  }

  /** Under another name a table has sequences of its own: two tables must not take their values from one. */
  #nameSequences(tables: ReadonlyMap<string, TableObject>): void {
    const { name, to, full } = this.#request;
    if (!full || nameOf(name) === nameOf(to)) return;
    for (const part of [...tables.keys()].flatMap((table) => this.#source.parts.get(table) ?? [])) {
      if (part.kind !== 'sequence owner') continue;
      const own = { schema: to.schema, name: fittingName(part.sequence.name, name.name, to.name) };
      this.#ownSequences.set(nameOf(part.sequence), nameOf(own));
    }
  }

  #parts(table: TableObject, tables: ReadonlyMap<string, TableObject>): DatabaseObject[] {
    const { full } = this.#request;
    const inherited = this.#fromParents(table);
    const replaced = new Set(inherited.map(({ key }) => key));
    const parts = [...tables.keys()].flatMap((name) => this.#source.parts.get(name) ?? []);
    return [...parts.filter(({ key }) => !replaced.has(key)), ...inherited]
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
      .map((object) => this.#standalone(full ? object : withoutExtras(object), tables));
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
    if (columns === undefined) return true;
    const missing = neededColumns(part).filter((name) => !columns.includes(name));
    if (missing.length === 0) return true;
    if (part.kind !== 'default' && part.kind !== 'sequence owner')
      this.#notes.push(`${part.key} is left out: it needs ${missing.join(', ')}`);
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
      // The parent's trigger, of which this is a share: by itself it is none.
      if (needed.kind === 'trigger' && part.kind === 'trigger') continue;
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
    const own = object.kind === 'sequence' ? this.#ownSequences.get(nameOf(object.name)) : undefined;
    if (own !== undefined) return this.#present.keys.has(`sequence ${own}`);
    return this.#present.keys.has(object.key);
  }

  /** All that the objects need and is not there, with what that needs. */
  #closure(keys: readonly string[]): DatabaseObject[] {
    const seen = new Set(keys);
    const found: DatabaseObject[] = [];
    const open = [...keys];
    for (let key = open.pop(); key !== undefined; key = open.pop()) {
      const needs = [...(this.#source.source.needs.get(key) ?? [])];
      needs.push(...this.#comesWith(this.#source.byKey.get(key)).map((object) => object.key));
      for (const need of needs) {
        const object = this.#source.byKey.get(need);
        if (seen.has(need) || object === undefined) continue;
        seen.add(need);
        if (!MADE_WITH_IT.has(object.kind) || this.#isPresent(object)) continue;
        found.push(this.#request.full ? object : withoutRights(object));
        open.push(need);
      }
    }
    return found;
  }

  /** What needs the object, and is made with it. */
  #comesWith(object: DatabaseObject | undefined): readonly DatabaseObject[] {
    if (object?.kind === 'domain') return this.#source.domainConstraints.get(nameOf(object.name)) ?? [];
    if (object?.kind === 'extension' && this.#request.full)
      return this.#source.memberRights.get(object.name) ?? [];
    return [];
  }

  /** Foreign keys both of whose tables are there then. */
  #foreignKeys(table: TableObject, tables: ReadonlyMap<string, TableObject>): ConstraintObject[] {
    const isThere = (name: QualifiedName | null): boolean =>
      name !== null && (tables.has(nameOf(name)) || this.#present.relations.has(nameOf(name)));
    const keys = new Set([
      ...[...tables.keys()].flatMap((name) => [
        ...(this.#source.parts.get(name) ?? []),
        ...(this.#source.references.get(name) ?? []),
      ]),
      ...this.#fromParents(table),
    ]);
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

function neededColumns(part: DatabaseObject): readonly string[] {
  if (part.kind === 'sequence owner') return [part.column];
  return 'table' in part ? part.columns : [];
}

/** Without owner and rights: but who runs a function of this kind, and by whose rights it runs, is what it is made of. */
function withoutRights(object: DatabaseObject): DatabaseObject {
  const isSecurityDefiner = 'isSecurityDefiner' in object && object.isSecurityDefiner;
  if (isSecurityDefiner) return { ...object, comment: null };
  return { ...object, owner: null, comment: null, privileges: [] };
}

/** A primary key as such. */
function withoutExtras(object: DatabaseObject): DatabaseObject {
  if (!('indexComment' in object)) return object;
  return { ...object, comment: null, indexComment: null, tablespace: null };
}
