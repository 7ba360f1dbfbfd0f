import type { QualifiedName } from '../db/identifier.js';
import type {
  ConstraintObject,
  DatabaseObject,
  DatabaseSchema,
  IndexObject,
  PartitionObject,
  TableObject,
} from './database-object.js';

export function nameOf({ schema, name }: QualifiedName): string {
  return `${schema}.${name}`;
}

/** What stands behind a name: looked up once for many tables. All names are `schema.name`. */
export class ObjectsByName {
  readonly source: DatabaseSchema;
  readonly byKey: ReadonlyMap<string, DatabaseObject>;
  /** By the table that they belong to, sequence owners among them. */
  readonly parts: ReadonlyMap<string, readonly DatabaseObject[]>;
  /** By the partitioned table. */
  readonly partitions: ReadonlyMap<string, readonly PartitionObject[]>;
  /** By the table that they refer to. */
  readonly references: ReadonlyMap<string, readonly ConstraintObject[]>;
  /** What it has from a parent, by table. */
  readonly inherited: ReadonlyMap<string, readonly DatabaseObject[]>;
  /** By extension. */
  readonly memberRights: ReadonlyMap<string, readonly DatabaseObject[]>;
  /** By domain. */
  readonly domainConstraints: ReadonlyMap<string, readonly DatabaseObject[]>;
  /** Indexes and the constraints that have one, by their own name. */
  readonly indexes: ReadonlyMap<string, ConstraintObject | IndexObject>;

  constructor(source: DatabaseSchema) {
    this.source = source;
    const { objects } = source;
    this.byKey = new Map(objects.map((object) => [object.key, object]));
    this.parts = group(objects, (object) => ('table' in object ? nameOf(object.table) : undefined));
    this.partitions = group(
      objects.filter((object) => object.kind === 'partition'),
      ({ parent }) => nameOf(parent),
    );
    this.references = group(
      objects.filter((object): object is ConstraintObject => object.kind === 'foreign key'),
      ({ otherTable }) => (otherTable === null ? undefined : nameOf(otherTable)),
    );
    this.inherited = group(source.inherited, (object) =>
      'table' in object ? nameOf(object.table) : undefined,
    );
    this.memberRights = group(
      objects.filter((object) => object.kind === 'member rights'),
      ({ extension }) => extension,
    );
    this.domainConstraints = group(
      objects.filter((object) => object.kind === 'domain constraint'),
      ({ domain }) => nameOf(domain),
    );
    this.indexes = new Map(
      objects.flatMap((object) =>
        'parentIndex' in object
          ? [[nameOf({ schema: object.table.schema, name: object.name }), object] as const]
          : [],
      ),
    );
  }

  table(name: QualifiedName): TableObject | undefined {
    const object = this.byKey.get(`table ${nameOf(name)}`);
    return object?.kind === 'table' ? object : undefined;
  }
}

function group<T>(items: readonly T[], keyOf: (item: T) => string | undefined): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    if (key === undefined) continue;
    const list = groups.get(key);
    if (list === undefined) groups.set(key, [item]);
    else list.push(item);
  }
  return groups;
}
