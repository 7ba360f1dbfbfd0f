import { quoteIdentifier } from '../db/identifier.js';
import type { Privilege } from './database-object.js';
import type { Target } from './target.js';

export interface GrantStatements {
  readonly statements: readonly string[];
  readonly notes: readonly string[];
}

const MAINTAIN_SINCE = 170_000;

/** The statements that give an object the rights it had. `object` is as GRANT names it: `TABLE "a"."b"`. */
export function grantStatements(
  object: string,
  privileges: readonly Privilege[],
  owner: string | null,
  target: Target,
): GrantStatements {
  const notes = new Set<string>();
  const groups = new Map<string, Privilege[]>();
  for (const privilege of privileges) {
    const { grantee: role } = privilege;
    if (role !== 'PUBLIC' && !target.roles.has(role)) {
      // Of an owner who is not there it is said that he is not.
      if (role !== owner) notes.add(`role "${role}" does not exist there: its rights are left out`);
      continue;
    }
    if (privilege.privilege === 'MAINTAIN' && target.version < MAINTAIN_SINCE) {
      if (privilege.action === 'grant' && privilege.grantee !== owner) {
        notes.add('the right MAINTAIN is left out (known from PostgreSQL 17 on)');
      }
      continue;
    }
    const { action, grantee, grantor, grantable, column } = privilege;
    const group = JSON.stringify([action, grantee, grantor, grantable, column ?? null]);
    groups.set(group, [...(groups.get(group) ?? []), privilege]);
  }
  // Who grants for another has been given the right to before.
  const ownersFirst = [...groups.values()].sort((a, b) => rank(a, owner) - rank(b, owner));
  const statements = ownersFirst.flatMap((group) => statementsOf(object, group, owner, target));
  return { statements, notes: [...notes] };
}

function rank([first]: readonly Privilege[], owner: string | null): number {
  if (first?.action === 'revoke') return 0;
  return first?.grantor === owner ? 1 : 2;
}

function statementsOf(
  object: string,
  group: readonly Privilege[],
  owner: string | null,
  target: Target,
): string[] {
  const [first] = group;
  if (first === undefined) return [];
  const words = group
    .map(({ privilege, column }) =>
      column === undefined ? privilege : `${privilege} (${quoteIdentifier(column)})`,
    )
    .join(', ');
  const grantee = roleText(first.grantee);
  if (first.action === 'revoke') {
    return [`REVOKE ${words} ON ${object} FROM ${grantee}`];
  }
  const option = first.grantable ? ' WITH GRANT OPTION' : '';
  const grant = `GRANT ${words} ON ${object} TO ${grantee}${option}`;
  const isOwners = owner === null || first.grantor === owner || !target.ownerRoles.has(first.grantor);
  return isOwners ? [grant] : [`SET ROLE ${quoteIdentifier(first.grantor)}`, grant, 'RESET ROLE'];
}

export function roleText(role: string): string {
  return role === 'PUBLIC' ? 'PUBLIC' : quoteIdentifier(role);
}
