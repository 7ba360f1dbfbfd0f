import type { QualifiedName } from '../db/identifier.js';
import type { ConstraintObject, DatabaseObject, IndexObject, PartBase } from '../schema/database-object.js';
import { nameOf } from '../schema/objects-by-name.js';
import { sqlName } from '../schema/statements.js';
import type { CompareContext } from './compare-context.js';

/** What belongs to a table and is compared as a whole. */
export type Part = Exclude<Extract<DatabaseObject, PartBase>, { kind: 'default' | 'partition' }>;

export type Key = ConstraintObject | IndexObject;

/** True for what has an index that tells rows apart, or keeps them apart. */
export function isKey(part: Part): part is Key {
  return (
    ['primary key', 'unique', 'exclusion'].includes(part.kind) || (part.kind === 'index' && part.isUnique)
  );
}

export function partName(part: Part): string {
  if (part.kind === 'replica identity') return '';
  return typeof part.name === 'string' ? part.name : nameOf(part.name);
}

/** Of two parts without their names those are the same that only have other ones. */
export function unnamed(part: Part): Part {
  if (part.kind === 'replica identity') return part;
  if (part.kind === 'statistics') return { ...part, name: { ...part.name, name: 'x' } };
  return { ...part, name: 'x' };
}

/** All that a definition is made of, but for names: two that are alike need not be written out. */
export function facts(part: Part, named: Part): string {
  const bare = { ...neutral(part), address: '', key: '', privileges: [], columns: [] };
  return JSON.stringify({ ...bare, ...nameLike(named) });
}

/** A foreign key names the other table with quotes or without. */
function written(part: Part): Part {
  return part.kind === 'foreign key' && part.otherTable !== null ? referringTo(part, part.otherTable) : part;
}

/** The part as it is to be compared: its place in a tree of partitions is another question. */
export function neutral(part: Part): Part {
  const bare = {
    ...written(part),
    comment: null,
    owner: null,
    ...('tablespace' in part ? { tablespace: null } : {}),
  };
  if (!('parentIndex' in bare)) return bare;
  return {
    ...bare,
    parentIndex: null,
    ...('indexComment' in bare ? { indexComment: null } : {}),
    ...('isPartitioned' in bare ? { isPartitioned: false } : {}),
  };
}

export function nameLike(other: Part): object {
  return 'name' in other ? { name: other.name } : {};
}

/** What this node has switched off for replication counts as it was before. */
export function asItWas(part: Part, { keptOff }: CompareContext): Part {
  if (part.kind !== 'trigger' && part.kind !== 'rule') return part;
  const state = keptOff.states.get(`${part.kind} ${nameOf(part.table)} ${part.name}`);
  return state === undefined ? part : { ...part, enabled: state };
}

/** A foreign key to a table that has another name here. */
export function referringTo(key: ConstraintObject, to: QualifiedName): ConstraintObject {
  return {
    ...key,
    otherTable: to,
    definition: key.definition.replace(
      / REFERENCES (?:[^("]|"(?:[^"]|"")*")+\(/,
      () => ` REFERENCES ${sqlName(to)}(`,
    ),
  };
}
