import type { DatabaseObject } from './database-object.js';
import { grantStatements } from './grant-statements.js';
import { defaultRightsKey, type Target } from './target.js';

/** What default privileges call a kind of object. */
export type RightsKind = 'TABLES' | 'SEQUENCES' | 'FUNCTIONS' | 'TYPES' | 'SCHEMAS';

const KINDS: Readonly<Partial<Record<DatabaseObject['kind'], RightsKind>>> = {
  table: 'TABLES',
  view: 'TABLES',
  'materialized view': 'TABLES',
  sequence: 'SEQUENCES',
  function: 'FUNCTIONS',
  procedure: 'FUNCTIONS',
  aggregate: 'FUNCTIONS',
  enum: 'TYPES',
  composite: 'TYPES',
  range: 'TYPES',
  domain: 'TYPES',
  schema: 'SCHEMAS',
};

/** By which default privileges a new object of its kind gets rights; undefined: by none. */
export function rightsKind(object: DatabaseObject): RightsKind | undefined {
  return KINDS[object.kind];
}

/** The statements that undo what default privileges of our role have done to a new object. `object` is as GRANT names it. */
export function plainRights(
  object: string,
  kind: RightsKind,
  schema: string | null,
  target: Target,
): readonly string[] {
  const { defaultRights } = target;
  const given =
    defaultRights.get(defaultRightsKey(kind, schema)) ??
    defaultRights.get(defaultRightsKey(kind, null)) ??
    [];
  const undone = given.map((right) => ({
    ...right,
    action: right.action === 'grant' ? ('revoke' as const) : ('grant' as const),
  }));
  return grantStatements(object, undone, null, target).statements;
}
