import { quoteIdentifier } from '../db/identifier.js';
import type { DatabaseObject } from './database-object.js';
import { isOn } from './statements.js';
import type { Target } from './target.js';

export interface OwnerStatements {
  readonly statements: readonly string[];
  readonly notes: readonly string[];
  /** Why the object must not be made: it would act with the rights of our role. */
  readonly refused: string | undefined;
}

const NOTHING_TO_DO: OwnerStatements = { statements: [], notes: [], refused: undefined };
const INHERIT_BY_GRANT_SINCE = 160_000;

/** The statements that give an object to its owner. `owned` is as ALTER names it, undefined for what has the owner of its table. */
export function ownerStatements(
  object: DatabaseObject,
  owned: string | undefined,
  target: Target,
): OwnerStatements {
  if (target.keepsAll) return NOTHING_TO_DO;
  const acting = actingRole(object);
  if (acting !== null && !target.ownerRoles.has(acting)) {
    const reason = `it would act with the rights of our role "${target.role}", not of its owner "${acting}"`;
    return {
      statements: [],
      notes: [],
      refused: `${reason}: ${remedy(acting, target)}; or let our role own everything with --no-owner`,
    };
  }
  const { owner } = object;
  if (owner === null || owned === undefined) return NOTHING_TO_DO;
  if (target.ownerRoles.has(owner)) {
    return { ...NOTHING_TO_DO, statements: [`ALTER ${owned} OWNER TO ${quoteIdentifier(owner)}`] };
  }
  if (target.roles.has(owner)) {
    const note = `it cannot be given to its owner "${owner}", of whom our role is not a member that inherits`;
    return { ...NOTHING_TO_DO, notes: [note] };
  }
  if (object.kind === 'schema' && object.name === 'public') return NOTHING_TO_DO;
  return { ...NOTHING_TO_DO, notes: [`its owner "${owner}" does not exist there`] };
}

/** The role by whose rights an object acts, whoever uses it; null: by the user's. */
function actingRole(object: DatabaseObject): string | null {
  switch (object.kind) {
    case 'function':
    case 'procedure':
      return object.isSecurityDefiner ? object.owner : null;
    case 'view':
      return object.options.some((option) => isOn(option, 'security_invoker')) ? null : object.owner;
    case 'materialized view':
      return object.owner;
    case 'rule':
      return /\bDO (?:INSTEAD )?NOTHING$/.test(object.definition) ? null : object.tableOwner;
    default:
      return null;
  }
}

/** What an administrator of the target runs first. */
function remedy(role: string, target: Target): string {
  const name = quoteIdentifier(role);
  if (!target.roles.has(role)) {
    const member = target.isSuperuser ? '' : `; ${membership(name, target)}`;
    return `run CREATE ROLE ${name}${member}`;
  }
  return `run ${membership(name, target)}`;
}

function membership(name: string, target: Target): string {
  const ours = quoteIdentifier(target.role);
  return target.version >= INHERIT_BY_GRANT_SINCE
    ? `GRANT ${name} TO ${ours} WITH INHERIT TRUE, SET TRUE`
    : `GRANT ${name} TO ${ours}; ALTER ROLE ${ours} INHERIT`;
}
