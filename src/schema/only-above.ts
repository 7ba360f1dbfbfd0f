import type { DatabaseObject } from './database-object.js';
import type { ObjectStatements } from './statements.js';

/** Whether what needs an object that is refused can be without it: a version without partitioned indexes takes those of the partitions by themselves. */
export function isOnlyAbove(object: DatabaseObject, { refused }: ObjectStatements): boolean {
  return refused !== undefined && 'parentIndex' in object && object.isPartitioned;
}
