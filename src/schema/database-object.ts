import type { QualifiedName } from '../db/identifier.js';

/** A right that somebody has, or has not, against what the owner of a new object would have it be. */
export interface Privilege {
  readonly action: 'grant' | 'revoke';
  readonly grantor: string;
  /** A role, or `PUBLIC`. */
  readonly grantee: string;
  /** `SELECT`, … */
  readonly privilege: string;
  readonly grantable: boolean;
  /** Set for a right on one column. */
  readonly column?: string;
}

/** What every object has. */
export interface ObjectBase {
  /** Names it the same way in every database: `index public.t_pkey`. */
  readonly key: string;
  /** Its row of the catalog, in this database only: `<catalog>:<oid>`. */
  readonly address: string;
  readonly owner: string | null;
  readonly comment: string | null;
  readonly privileges: readonly Privilege[];
}

/** NOT NULL of one column. Before PostgreSQL 18 it has no name. */
export interface NotNull {
  /** Null: the name that PostgreSQL gives by itself. */
  readonly name: string | null;
  readonly noInherit: boolean;
  readonly isValid: boolean;
}

export interface SequenceOptions {
  readonly type: string;
  readonly start: string;
  readonly increment: string;
  readonly min: string;
  readonly max: string;
  readonly cache: string;
  readonly cycle: boolean;
}

export interface TableColumn {
  readonly name: string;
  /** With its modifiers: `numeric(10,2)`. */
  readonly type: string;
  /** Quoted; null: that of the type. */
  readonly collation: string | null;
  readonly notNull: NotNull | null;
  /** A parent's column is not null either, which before PostgreSQL 18 is all that is to be known of a child's. */
  readonly isNotNullAbove: boolean;
  /** `a` always, `d` by default. */
  readonly identity: null | {
    readonly always: boolean;
    readonly sequence: QualifiedName;
    readonly options: SequenceOptions;
    /** Of its sequence, as the comment: the owner is the table's. */
    readonly privileges: readonly Privilege[];
    readonly comment: string | null;
  };
  readonly generated: null | { readonly expression: string; readonly stored: boolean };
  /** False: it comes from a parent. */
  readonly isLocal: boolean;
  /** Null: that of the type. */
  readonly storage: string | null;
  readonly compression: string | null;
  /** Null: the server's default. */
  readonly statistics: number | null;
  /** `n_distinct=…` */
  readonly options: readonly string[];
  readonly comment: string | null;
}

export interface TableObject extends ObjectBase {
  readonly kind: 'table';
  readonly name: QualifiedName;
  readonly columns: readonly TableColumn[];
  readonly isUnlogged: boolean;
  /** `range (a)`; null: not partitioned. */
  readonly partitionKey: string | null;
  /** True for a partition: `partition` objects attach it. */
  readonly isPartition: boolean;
  /** Of plain inheritance, in their order. */
  readonly parents: readonly QualifiedName[];
  /** The composite type it is a table of. */
  readonly ofType: string | null;
  readonly options: readonly string[];
  readonly accessMethod: string | null;
  readonly tablespace: string | null;
  readonly rowSecurity: boolean;
  readonly forceRowSecurity: boolean;
}

export interface SchemaObject extends ObjectBase {
  readonly kind: 'schema';
  readonly name: string;
}

export interface ExtensionObject extends ObjectBase {
  readonly kind: 'extension';
  readonly name: string;
  readonly schema: string;
}

export interface EnumObject extends ObjectBase {
  readonly kind: 'enum';
  readonly name: QualifiedName;
  readonly labels: readonly string[];
}

export interface CompositeObject extends ObjectBase {
  readonly kind: 'composite';
  readonly name: QualifiedName;
  readonly columns: readonly {
    readonly name: string;
    readonly type: string;
    readonly collation: string | null;
    readonly comment: string | null;
  }[];
}

export interface RangeObject extends ObjectBase {
  readonly kind: 'range';
  readonly name: QualifiedName;
  /** `subtype = …` and the like, as CREATE TYPE takes them. */
  readonly settings: readonly string[];
  /** Null before PostgreSQL 14. */
  readonly multirange: string | null;
}

export interface DomainObject extends ObjectBase {
  readonly kind: 'domain';
  readonly name: QualifiedName;
  readonly type: string;
  readonly collation: string | null;
  readonly default: string | null;
  readonly notNull: boolean;
}

export interface CollationObject extends ObjectBase {
  readonly kind: 'collation';
  readonly name: QualifiedName;
  /** `provider = icu` and the like, as CREATE COLLATION takes them. */
  readonly settings: readonly string[];
}

/** What stands in the catalog as a text that makes it, but for its place. */
export interface RoutineObject extends ObjectBase {
  readonly kind: 'function' | 'procedure' | 'aggregate';
  /** `s.f(integer)`, quoted where it must be. */
  readonly signature: string;
  readonly schema: string;
  /** It runs with the rights of its owner. */
  readonly isSecurityDefiner: boolean;
  readonly definition: string;
}

export interface SequenceObject extends ObjectBase {
  readonly kind: 'sequence';
  readonly name: QualifiedName;
  readonly options: SequenceOptions;
  readonly isUnlogged: boolean;
}

export interface SequenceOwnerObject extends ObjectBase {
  readonly kind: 'sequence owner';
  readonly sequence: QualifiedName;
  readonly table: QualifiedName;
  readonly column: string;
}

export interface ViewObject extends ObjectBase {
  readonly kind: 'view' | 'materialized view';
  readonly name: QualifiedName;
  readonly definition: string;
  readonly options: readonly string[];
  readonly columns: readonly { readonly name: string; readonly comment: string | null }[];
}

/** What belongs to one table (or view) and cannot be without it. */
export interface PartBase extends ObjectBase {
  readonly table: QualifiedName;
  /** The columns it needs; null where the catalog does not say. */
  readonly columns: readonly string[];
}

export interface DefaultObject extends PartBase {
  readonly kind: 'default';
  readonly column: string;
  readonly expression: string;
}

export interface PartitionObject extends PartBase {
  readonly kind: 'partition';
  readonly parent: QualifiedName;
  /** `FOR VALUES FROM (1) TO (2)` */
  readonly bound: string;
}

export interface ConstraintObject extends PartBase {
  readonly kind: 'check' | 'primary key' | 'unique' | 'exclusion' | 'foreign key';
  readonly name: string;
  /** Without the name: `CHECK ((a > 0))`. */
  readonly definition: string;
  /** Storage options of the index behind it: the definition is without them. */
  readonly options: readonly string[];
  /** Of that index. */
  readonly tablespace: string | null;
  readonly indexComment: string | null;
  /** On this table only: its partitions have their own. */
  readonly isPartitioned: boolean;
  /** The index behind it is the one that the table is clustered by, or identified by. */
  readonly isClustered: boolean;
  readonly isReplicaIdentity: boolean;
  readonly otherTable: QualifiedName | null;
  /** Of a partition: the parent's constraint that it is a part of. */
  readonly parentIndex: QualifiedName | null;
}

export interface DomainConstraintObject extends ObjectBase {
  readonly kind: 'domain constraint';
  readonly domain: QualifiedName;
  readonly name: string;
  readonly definition: string;
}

export interface IndexObject extends PartBase {
  readonly kind: 'index';
  readonly name: string;
  readonly isUnique: boolean;
  /** What follows the table's name: `USING btree (a)`. */
  readonly definition: string;
  readonly isPartitioned: boolean;
  readonly tablespace: string | null;
  readonly isClustered: boolean;
  readonly isReplicaIdentity: boolean;
  /** Of expressions: position of the column and its target. */
  readonly statistics: readonly { readonly position: number; readonly target: number }[];
  readonly parentIndex: QualifiedName | null;
}

export interface StatisticsObject extends PartBase {
  readonly kind: 'statistics';
  readonly name: QualifiedName;
  /** Between the name and the table: ` (ndistinct) ON a, b`. */
  readonly definition: string;
  readonly target: number | null;
}

export interface TriggerObject extends PartBase {
  readonly kind: 'trigger';
  readonly name: string;
  /** `AFTER INSERT` */
  readonly events: string;
  readonly isConstraint: boolean;
  /** What follows the table's name; `EXECUTE FUNCTION` on every version. */
  readonly definition: string;
  /** `O`, `D`, `R`, `A` as in pg_trigger. */
  readonly enabled: string;
  /** True for the share of a partition in its parent's trigger: only its state is its own. */
  readonly isInherited: boolean;
}

export interface RuleObject extends PartBase {
  readonly kind: 'rule';
  readonly name: string;
  readonly event: string;
  /** What follows the table's name. */
  readonly definition: string;
  /** By whose rights its actions are done. */
  readonly tableOwner: string;
  readonly enabled: string;
}

export interface PolicyObject extends PartBase {
  readonly kind: 'policy';
  readonly name: string;
  readonly command: string;
  readonly isPermissive: boolean;
  readonly roles: readonly string[];
  readonly using: string | null;
  readonly check: string | null;
}

/** How the rows of a table are identified, where it is neither by default nor by an index. */
export interface ReplicaIdentityObject extends PartBase {
  readonly kind: 'replica identity';
  readonly identity: 'full' | 'nothing';
}

export interface EventTriggerObject extends ObjectBase {
  readonly kind: 'event trigger';
  readonly name: string;
  readonly event: string;
  readonly tags: readonly string[];
  readonly routine: string;
  readonly enabled: string;
}

export interface DefaultPrivilegesObject extends ObjectBase {
  readonly kind: 'default privileges';
  readonly role: string;
  readonly schema: string | null;
  /** `TABLES`, `SEQUENCES`, … */
  readonly objects: string;
}

/** What somebody has made of the rights that an extension gives on one of its members. */
export interface MemberRightsObject extends ObjectBase {
  readonly kind: 'member rights';
  readonly extension: string;
  /** As GRANT names it: `FUNCTION s.f(integer)`. */
  readonly granted: string;
}

/** What is there and cannot be made by us. */
export interface UnsupportedObject extends ObjectBase {
  readonly kind: 'unsupported';
  readonly reason: string;
}

export type DatabaseObject =
  | SchemaObject
  | ExtensionObject
  | EnumObject
  | CompositeObject
  | RangeObject
  | DomainObject
  | DomainConstraintObject
  | CollationObject
  | RoutineObject
  | SequenceObject
  | SequenceOwnerObject
  | TableObject
  | ViewObject
  | DefaultObject
  | PartitionObject
  | ConstraintObject
  | IndexObject
  | StatisticsObject
  | TriggerObject
  | RuleObject
  | PolicyObject
  | ReplicaIdentityObject
  | EventTriggerObject
  | DefaultPrivilegesObject
  | MemberRightsObject
  | UnsupportedObject;

/** A database's objects, and which of them needs which. */
export interface DatabaseSchema {
  /** As `server_version_num`. */
  readonly serverVersion: number;
  readonly objects: readonly DatabaseObject[];
  /** What partitions and children have from a parent; none where the whole database was read, as the parents are made then. */
  readonly inherited: readonly DatabaseObject[];
  /** By key: the keys of what must be there first. */
  readonly needs: ReadonlyMap<string, ReadonlySet<string>>;
}
