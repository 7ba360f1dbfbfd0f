import type { QualifiedName } from '../db/identifier.js';
import type {
  ConstraintObject,
  DatabaseObject,
  PartitionObject,
  SequenceObject,
  SequenceOwnerObject,
  TableObject,
} from '../schema/database-object.js';
import { nameOf, type ObjectsByName } from '../schema/objects-by-name.js';
import { renameTable } from '../schema/rename-table.js';
import { type Part, referringTo } from './part.js';
import type { TableSide } from './table-side.js';

/** One table with what belongs to it. */
export interface TreeTable extends TableSide {
  readonly parts: readonly Part[];
  /** Its place among the partitions of another; undefined for none. */
  readonly place: PartitionObject | undefined;
}

/** A table with its partitions, and the sequences that columns of them own. */
export interface TableTree {
  readonly top: TreeTable;
  readonly partitions: readonly TreeTable[];
  readonly sequences: readonly OwnedSequence[];
}

export interface OwnedSequence {
  readonly sequence: SequenceObject;
  readonly owner: SequenceOwnerObject;
}

/**
 * A table of one side with all that is below it, under the names that it would have as `to`; undefined when it is not there.
 * `namesHere`: tables that have another name here. Pure.
 */
export function tableTree(
  source: ObjectsByName,
  name: QualifiedName,
  to: QualifiedName = name,
  namesHere: ReadonlyMap<string, QualifiedName> = new Map(),
): TableTree | undefined {
  const top = source.table(name);
  if (top === undefined) return undefined;
  const tables = [top];
  // What is added on the way is gone through too.
  for (const table of tables) {
    for (const { table: below } of source.partitions.get(nameOf(table.name)) ?? []) {
      const partition = source.table(below);
      if (partition !== undefined) tables.push(partition);
    }
  }
  const parts = tables.flatMap((table) => source.parts.get(nameOf(table.name)) ?? []);
  const sequences = parts.flatMap((part) => {
    const sequence =
      part.kind === 'sequence owner' ? source.byKey.get(`sequence ${nameOf(part.sequence)}`) : undefined;
    return sequence === undefined ? [] : [sequence];
  });
  const renamed = renameTable(
    {
      table: top,
      objects: [...tables, ...sequences, ...parts.filter(({ kind }) => kind !== 'foreign key')],
      foreignKeys: parts.filter((part): part is ConstraintObject => part.kind === 'foreign key'),
      notes: [],
    },
    to,
  );
  const foreignKeys = renamed.foreignKeys.map((key) => {
    const other = key.otherTable === null ? undefined : namesHere.get(nameOf(key.otherTable));
    return other === undefined ? key : referringTo(key, other);
  });
  return gather(renamed.table, [...renamed.objects, ...foreignKeys]);
}

function gather(top: TableObject, objects: readonly DatabaseObject[]): TableTree {
  const tables = new Map<string, TableObject>();
  const places = new Map<string, PartitionObject>();
  const defaults = new Map<string, Map<string, string>>();
  const parts = new Map<string, Part[]>();
  const sequences = new Map<string, SequenceObject>();
  const owners: SequenceOwnerObject[] = [];
  for (const object of objects) {
    if (object.kind === 'table') tables.set(nameOf(object.name), object);
    else if (object.kind === 'sequence') sequences.set(nameOf(object.name), object);
    else if (object.kind === 'sequence owner') owners.push(object);
    else if (object.kind === 'partition') places.set(nameOf(object.table), object);
    else if (object.kind === 'default') {
      const own = defaults.get(nameOf(object.table)) ?? new Map<string, string>();
      defaults.set(nameOf(object.table), own.set(object.column, object.expression));
    } else if ('table' in object) {
      const own = parts.get(nameOf(object.table)) ?? [];
      own.push(object);
      parts.set(nameOf(object.table), own);
    }
  }
  const treeTable = (table: TableObject): TreeTable => ({
    table,
    defaults: defaults.get(nameOf(table.name)) ?? new Map(),
    parts: parts.get(nameOf(table.name)) ?? [],
    place: places.get(nameOf(table.name)),
  });
  return {
    top: treeTable(tables.get(nameOf(top.name)) ?? top),
    partitions: [...tables.values()]
      .filter((table) => nameOf(table.name) !== nameOf(top.name))
      .map(treeTable),
    sequences: owners.flatMap((owner) => {
      const sequence = sequences.get(nameOf(owner.sequence));
      return sequence === undefined ? [] : [{ sequence, owner }];
    }),
  };
}
