import { quoteIdentifier } from '../db/identifier.js';
import type { Privilege } from '../schema/database-object.js';
import { grantStatements, roleText } from '../schema/grant-statements.js';
import type { CompareContext } from './compare-context.js';
import type { Candidate } from './finding.js';

/** Something that has an owner and rights, on both sides. */
export interface Owned {
  readonly table: string | null;
  readonly object: string;
  /** As ALTER … OWNER and GRANT name it here: `TABLE "a"."b"`; undefined where it has none. */
  readonly owned: string | undefined;
  readonly granted: string | undefined;
  readonly there: OwnedSide;
  readonly here: OwnedSide;
}

export interface OwnedSide {
  readonly owner: string | null;
  readonly privileges: readonly Privilege[];
}

/** Rights that only one of the versions knows. */
const MAINTAIN_SINCE = 170_000;

/** Compares owner and rights of one object. Pure. */
export function compareRights(subject: Owned, context: CompareContext): Candidate[] {
  return [...compareOwners(subject, context), ...comparePrivileges(subject, context)];
}

function compareOwners({ table, object, owned, there, here }: Owned, context: CompareContext): Candidate[] {
  if (
    context.target.keepsAll ||
    owned === undefined ||
    there.owner === null ||
    here.owner === null ||
    there.owner === here.owner
  )
    return [];
  const isThere = context.target.roles.has(there.owner);
  return [
    {
      severity: 'differs',
      what: 'owner',
      difference: 'different',
      table,
      object,
      node: context.here,
      message:
        `${object} belongs to "${there.owner}" on "${context.there}" and to "${here.owner}" on "${context.here}"` +
        `${isThere ? '' : `, where there is no role "${there.owner}"`}`,
      mend: {
        node: context.here,
        statements: [
          ...(isThere ? [] : [`CREATE ROLE ${quoteIdentifier(there.owner)}`]),
          `ALTER ${owned} OWNER TO ${quoteIdentifier(there.owner)}`,
        ],
      },
    },
  ];
}

function comparePrivileges(
  { table, object, granted, there, here }: Owned,
  context: CompareContext,
): Candidate[] {
  if (granted === undefined) return [];
  const oldest = Math.min(context.versionThere, context.target.version);
  const known = ({ owner, privileges }: OwnedSide) =>
    privileges.filter(
      ({ privilege, grantee }) =>
        (privilege !== 'MAINTAIN' || oldest >= MAINTAIN_SINCE) &&
        !(context.target.keepsAll && grantee === owner),
    );
  const [wanted, found] = [byMeaning(known(there), there.owner), byMeaning(known(here), here.owner)];
  const missing = [...wanted].filter(([meaning]) => !found.has(meaning)).map(([, privilege]) => privilege);
  const extra = [...found].filter(([meaning]) => !wanted.has(meaning)).map(([, privilege]) => privilege);
  const common = { severity: 'differs', what: 'rights', table, object, node: context.here } as const;
  const findings: Candidate[] = [];
  if (missing.length > 0) {
    const roles = [...new Set(missing.map(({ grantee }) => grantee))].filter(
      (role) => role !== 'PUBLIC' && !context.target.roles.has(role),
    );
    const all = { ...context.target, roles: new Set([...context.target.roles, ...roles]) };
    findings.push({
      ...common,
      difference: 'missing',
      message:
        `rights on ${object} as on "${context.there}" are missing on "${context.here}": ${rightsText(missing)}` +
        `${roles.length === 0 ? '' : `; there is no role "${roles.join('", "')}"`}`,
      mend: {
        node: context.here,
        statements: [
          ...roles.map((role) => `CREATE ROLE ${quoteIdentifier(role)}`),
          ...grantStatements(granted, missing.map(asOwners(here.owner)), here.owner, all).statements,
        ],
      },
    });
  }
  if (extra.length > 0) {
    findings.push({
      ...common,
      difference: 'extra',
      message: `"${context.here}" has other rights on ${object} than "${context.there}": ${rightsText(extra)}`,
      mend: { node: context.here, statements: extra.map((privilege) => takenBack(granted, privilege)) },
    });
  }
  return findings;
}

/** By what it means: who has granted it does not matter, nor what the owner is called. */
function byMeaning(privileges: readonly Privilege[], owner: string | null): Map<string, Privilege> {
  return new Map(
    privileges.map((one) => [
      JSON.stringify([
        one.action,
        one.grantee === owner ? { owner: true } : one.grantee,
        one.privilege,
        one.grantable,
        one.column ?? null,
      ]),
      one,
    ]),
  );
}

/** The owner grants it here, whoever did there. */
function asOwners(owner: string | null): (privilege: Privilege) => Privilege {
  return (privilege) => (owner === null ? privilege : { ...privilege, grantor: owner });
}

/** `SELECT, INSERT to clerk; not USAGE to PUBLIC` */
function rightsText(privileges: readonly Privilege[]): string {
  const groups = new Map<string, string[]>();
  for (const { action, grantee, grantable, privilege, column } of privileges) {
    const to = `${action === 'revoke' ? 'none of ' : ''}# to ${grantee}${grantable ? ' with grant option' : ''}`;
    const name = column === undefined ? privilege : `${privilege} (${column})`;
    groups.set(to, [...(groups.get(to) ?? []), name]);
  }
  return [...groups].map(([to, names]) => to.replace('#', () => names.join(', '))).join('; ');
}

function takenBack(granted: string, { action, grantee, privilege, column }: Privilege): string {
  const right = column === undefined ? privilege : `${privilege} (${quoteIdentifier(column)})`;
  return action === 'grant'
    ? `REVOKE ${right} ON ${granted} FROM ${roleText(grantee)}`
    : `GRANT ${right} ON ${granted} TO ${roleText(grantee)}`;
}
