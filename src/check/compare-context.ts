import type { QualifiedName } from '../db/identifier.js';
import type { BoundHandler } from '../handlers/registry.js';
import type { Target } from '../schema/target.js';

/** A table that both nodes have, or should have. */
export interface TablePair {
  /** Its name in the queue; null: it is not replicated. */
  readonly tableName: string | null;
  /** Its name on the provider. */
  readonly there: QualifiedName;
  readonly here: QualifiedName;
  readonly handler: BoundHandler;
  /** Columns that the provider's triggers leave out of events. */
  readonly ignored: ReadonlySet<string>;
}

/** True when this node's handler makes another table of it: it may lack what the provider's has, keys among that. */
export function isOtherwise({ handler: { columnHere, hasParts, notComparable } }: TablePair): boolean {
  return columnHere !== undefined || hasParts === true || notComparable !== undefined;
}

/** What this node has taken off for replication and puts back by itself: a difference that it explains is none. */
export interface KeptOff {
  /** `table name` of foreign keys that are saved. */
  readonly foreignKeys: ReadonlySet<string>;
  /** `kind table name` of triggers and rules → their state before, as in pg_trigger. */
  readonly states: ReadonlyMap<string, string>;
  /** Names of indexes that a copy builds when the rows are there. */
  readonly indexes: ReadonlySet<string>;
}

export const NOTHING_KEPT_OFF: KeptOff = { foreignKeys: new Set(), states: new Map(), indexes: new Set() };

/** What the comparison of two databases goes by. */
export interface CompareContext {
  /** Names of the nodes: the provider, and this one. */
  readonly there: string;
  readonly here: string;
  /** The provider's, as `server_version_num`. */
  readonly versionThere: number;
  /** This node's database. */
  readonly target: Target;
  /** Names of replicated tables on the provider → here, where they are others. */
  readonly namesHere: ReadonlyMap<string, QualifiedName>;
  /** Names of replicated sequences. */
  readonly sequences: ReadonlySet<string>;
  readonly keptOff: KeptOff;
  /** Names of indexes that are here and that nothing uses: they are told as what they are. */
  readonly invalidIndexes: ReadonlySet<string>;
}
