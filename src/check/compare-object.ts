import { quoteIdentifier, quoteLiteral } from '../db/identifier.js';
import type { CompositeObject, DatabaseObject, DomainObject, EnumObject } from '../schema/database-object.js';
import { objectStatements } from '../schema/object-statements.js';
import { nameOf } from '../schema/objects-by-name.js';
import { allStatements, sqlName } from '../schema/statements.js';
import type { CompareContext } from './compare-context.js';
import { compareRights } from './compare-rights.js';
import { compareSequence } from './compare-sequence.js';
import { type Candidate, isAlike, isOfVersion, type Severity, shown } from './finding.js';
import { fits } from './type-fit.js';

/** What stands by itself: schemas, types, functions, views and the like. */
export type Standalone = Exclude<
  DatabaseObject,
  { readonly table: unknown } | { readonly kind: 'table' | 'sequence owner' }
>;

/** The rights of PUBLIC on the schema public are others in a new database since then. */
const PUBLIC_CLOSED_SINCE = 150_000;

/** Compares one object that stands by itself. `here`: undefined where it is missing. Pure. */
export function compareObject(
  there: Standalone,
  here: DatabaseObject | undefined,
  context: CompareContext,
): Candidate[] {
  if (there.kind === 'sequence') {
    return compareSequence(there, here?.kind === 'sequence' ? here : undefined, false, context);
  }
  if (here === undefined) return [missingObject(there, context)];
  return [...compareContent(there, here, context), ...rightsOf(there, here, context)];
}

/** An object that only this node has. */
export function extraObject({ kind, key }: DatabaseObject, { there, here }: CompareContext): Candidate {
  return {
    severity: 'differs',
    what: kind,
    difference: 'extra',
    table: null,
    object: key,
    node: here,
    message: `${key} is on "${here}" and not on "${there}"`,
    mend: undefined,
  };
}

/** An object that only the provider has, and how to make it. */
export function missingObject(object: DatabaseObject, { there, here, target }: CompareContext): Candidate {
  const made = objectStatements(object, target);
  const isRefused = made.refused !== undefined && isOfVersion(made.refused);
  const why = made.refused === undefined ? '' : `: ${made.refused}`;
  return {
    severity: isRefused ? 'hint' : 'differs',
    what: object.kind === 'unsupported' ? 'other object' : object.kind,
    difference: 'missing',
    table: null,
    object: object.key,
    node: here,
    message: `${object.key} is on "${there}" and missing on "${here}"${why}`,
    mend: made.refused === undefined ? { node: here, statements: allStatements(made) } : undefined,
  };
}

function compareContent(there: Standalone, here: DatabaseObject, context: CompareContext): Candidate[] {
  const differs = (
    severity: Severity,
    what: string,
    message: string,
    statements: readonly string[] = [],
  ): Candidate => ({
    severity,
    what,
    difference: 'different',
    table: null,
    object: there.key,
    node: context.here,
    message,
    mend: statements.length === 0 ? undefined : { node: context.here, statements },
  });
  if (there.kind !== here.kind) {
    return [
      differs(
        'differs',
        there.kind,
        `${there.key} is a ${there.kind} on "${context.there}" and a ${here.kind} on "${context.here}"`,
      ),
    ];
  }
  if (there.kind === 'unsupported' || (there.kind === 'schema' && there.name === 'public')) return [];
  if (there.kind === 'enum' && here.kind === 'enum') return compareEnums(there, here, context, differs);
  if (there.kind === 'composite' && here.kind === 'composite')
    return compareComposites(there, here, context, differs);
  if (there.kind === 'domain' && here.kind === 'domain') return compareDomains(there, here, context, differs);
  const [wanted, found] = [textOf(there, context), textOf(asOldAs(there, here), context)];
  if (wanted === found || (writesItsOwnWords(there) && isAlike(wanted, found))) return [];
  const message = `${there.key} differs: on "${context.there}" ${shown(wanted)}, on "${context.here}" ${shown(found)}`;
  const severity = there.kind === 'domain constraint' || there.kind === 'range' ? 'blocks' : 'differs';
  const isRoutine = there.kind === 'function' || there.kind === 'procedure';
  const statements = isRoutine ? [there.definition.replace(/^CREATE /, 'CREATE OR REPLACE ')] : [];
  const candidate = differs(severity, there.kind, message, statements);
  if ((there.kind === 'view' || there.kind === 'materialized view') && 'definition' in here) {
    const isOnlyText =
      textOf({ ...there, definition: '' }, context) ===
      textOf({ ...here, definition: '' } as DatabaseObject, context);
    if (isOnlyText)
      return [{ ...candidate, doubt: { kind: 'view', there: there.definition, here: here.definition } }];
  }
  return [candidate];
}

type Differs = (
  severity: Severity,
  what: string,
  message: string,
  statements?: readonly string[],
) => Candidate;

function compareEnums(
  there: EnumObject,
  here: EnumObject,
  context: CompareContext,
  differs: Differs,
): Candidate[] {
  const list = (labels: readonly string[]) =>
    labels.map((label) => quoteLiteral(label).trimStart()).join(', ');
  const absent = there.labels.filter((label) => !here.labels.includes(label));
  const surplus = here.labels.filter((label) => !there.labels.includes(label));
  const findings: Candidate[] = [];
  if (absent.length > 0) {
    const statements = absent.map((label) => {
      const next = there.labels
        .slice(there.labels.indexOf(label) + 1)
        .find((other) => here.labels.includes(other));
      const place = next === undefined ? '' : ` BEFORE ${list([next])}`;
      return `ALTER TYPE ${sqlName(here.name)} ADD VALUE ${list([label])}${place}`;
    });
    findings.push(
      differs(
        'blocks',
        'enum',
        `${there.key} has no ${list(absent)} on "${context.here}": a row with it cannot be written`,
        statements,
      ),
    );
  }
  if (surplus.length > 0) {
    findings.push(differs('differs', 'enum', `${there.key} has ${list(surplus)} on "${context.here}" only`));
  }
  const common = (labels: readonly string[], others: readonly string[]) =>
    labels.filter((label) => others.includes(label)).join('\n');
  if (common(there.labels, here.labels) !== common(here.labels, there.labels)) {
    findings.push(
      differs(
        'differs',
        'enum',
        `the values of ${there.key} are in another order: ${list(there.labels)} on "${context.there}", ${list(here.labels)} on "${context.here}"`,
      ),
    );
  }
  return findings;
}

function compareComposites(
  there: CompositeObject,
  here: CompositeObject,
  context: CompareContext,
  differs: Differs,
): Candidate[] {
  const text = ({ columns }: CompositeObject) =>
    columns
      .map(
        ({ name, type, collation }) => `${name} ${type}${collation === null ? '' : ` COLLATE ${collation}`}`,
      )
      .join(', ');
  const [wanted, found] = [text(there), text(here)];
  if (wanted === found) return [];
  const isWider =
    there.columns.length === here.columns.length &&
    there.columns.every(
      ({ name, type }, index) =>
        name === here.columns[index]?.name && fits(type, here.columns[index]?.type ?? ''),
    );
  return [
    differs(
      isWider ? 'differs' : 'blocks',
      'composite',
      `${there.key} is (${wanted}) on "${context.there}" and (${found}) on "${context.here}"${isWider ? '' : ': a value may not fit'}`,
    ),
  ];
}

function compareDomains(
  there: DomainObject,
  here: DomainObject,
  context: CompareContext,
  differs: Differs,
): Candidate[] {
  const findings: Candidate[] = [];
  const name = sqlName(here.name);
  if (there.type !== here.type) {
    const severity = fits(there.type, here.type) ? 'differs' : 'blocks';
    findings.push(
      differs(
        severity,
        'domain',
        `${there.key} is ${there.type} on "${context.there}" and ${here.type} on "${context.here}"`,
      ),
    );
  }
  if (there.collation !== here.collation) {
    findings.push(
      differs(
        'differs',
        'domain',
        `the collation of ${there.key}: ${there.collation ?? 'as usual'} on "${context.there}", ${here.collation ?? 'as usual'} on "${context.here}"`,
      ),
    );
  }
  if (there.default !== here.default) {
    const statement = there.default === null ? 'DROP DEFAULT' : `SET DEFAULT ${there.default}`;
    const candidate = differs(
      'differs',
      'domain',
      `the default of ${there.key}: ${there.default ?? 'none'} on "${context.there}", ${here.default ?? 'none'} on "${context.here}"`,
      [`ALTER DOMAIN ${name} ${statement}`],
    );
    const isDoubtful = there.default !== null && here.default !== null;
    findings.push(
      isDoubtful
        ? {
            ...candidate,
            doubt: {
              kind: 'expressions',
              table: null,
              there: [there.default ?? ''],
              here: [here.default ?? ''],
            },
          }
        : candidate,
    );
  }
  if (there.notNull !== here.notNull) {
    const [has, lacks] = here.notNull ? [context.here, context.there] : [context.there, context.here];
    findings.push(
      differs(
        here.notNull ? 'blocks' : 'differs',
        'domain',
        `${there.key} is not null on "${has}" and may be null on "${lacks}"`,
        [`ALTER DOMAIN ${name} ${there.notNull ? 'SET' : 'DROP'} NOT NULL`],
      ),
    );
  }
  return findings;
}

/** A condition that only this node has on the values of a domain. */
export function extraDomainConstraint(
  constraint: Extract<DatabaseObject, { kind: 'domain constraint' }>,
  { there, here }: CompareContext,
): Candidate {
  const domain = nameOf(constraint.domain);
  return {
    severity: 'blocks',
    what: 'domain constraint',
    difference: 'extra',
    table: null,
    object: constraint.key,
    node: here,
    message: `constraint ${constraint.name} of domain ${domain} is on "${here}" and not on "${there}"; it may refuse rows: ${shown(constraint.definition)}`,
    mend: {
      node: here,
      statements: [
        `ALTER DOMAIN ${sqlName(constraint.domain)} DROP CONSTRAINT ${quoteIdentifier(constraint.name)}`,
      ],
    },
  };
}

function textOf(object: DatabaseObject, { target }: CompareContext): string {
  return objectStatements(
    { ...object, comment: null, owner: null, privileges: ownPrivileges(object) },
    target,
  ).create.join(';\n');
}

/** Of default privileges the rights are the object itself. */
function ownPrivileges(object: DatabaseObject): DatabaseObject['privileges'] {
  return object.kind === 'default privileges' || object.kind === 'member rights' ? object.privileges : [];
}

/** What a newer server has given the object by itself is not compared. */
function asOldAs(there: Standalone, here: DatabaseObject): DatabaseObject {
  if (there.kind !== 'range' || here.kind !== 'range') return here;
  return there.multirange === null ? { ...here, multirange: null } : here;
}

/** Whether the server writes its text, and not whoever made it. */
function writesItsOwnWords(object: Standalone): boolean {
  switch (object.kind) {
    case 'function':
    case 'procedure':
      return /^\s*(?:BEGIN ATOMIC|RETURN)\b/m.test(object.definition) && !/\bAS \$/.test(object.definition);
    case 'view':
    case 'materialized view':
      return false;
    default:
      return true;
  }
}

function rightsOf(there: Standalone, here: DatabaseObject, context: CompareContext): Candidate[] {
  const names = rightNames(there);
  if (there.kind !== here.kind || names === undefined) return [];
  const isPublic = there.kind === 'schema' && there.name === 'public';
  const isOther =
    context.versionThere >= PUBLIC_CLOSED_SINCE !== context.target.version >= PUBLIC_CLOSED_SINCE;
  const usual = (object: DatabaseObject) => ({
    owner: isPublic ? null : object.owner,
    privileges:
      isPublic && isOther
        ? object.privileges.filter(({ grantee, privilege }) => grantee !== 'PUBLIC' || privilege !== 'CREATE')
        : object.privileges,
  });
  return compareRights(
    { table: null, object: there.key, ...names, there: usual(there), here: usual(here) },
    context,
  );
}

/** What the object is called in ALTER … OWNER and GRANT. */
function rightNames(
  object: Standalone,
): { owned: string | undefined; granted: string | undefined } | undefined {
  switch (object.kind) {
    case 'schema':
      return both(`SCHEMA ${quoteIdentifier(object.name)}`);
    case 'enum':
    case 'composite':
    case 'range':
      return both(`TYPE ${sqlName(object.name)}`);
    case 'domain':
      return { owned: `DOMAIN ${sqlName(object.name)}`, granted: `TYPE ${sqlName(object.name)}` };
    case 'collation':
      return { owned: `COLLATION ${sqlName(object.name)}`, granted: undefined };
    case 'function':
    case 'procedure':
    case 'aggregate':
      return {
        owned: `${object.kind.toUpperCase()} ${object.signature}`,
        granted: `${object.kind === 'procedure' ? 'PROCEDURE' : 'FUNCTION'} ${object.signature.replace(/\(\*\)$/, '()')}`,
      };
    case 'view':
    case 'materialized view':
      return {
        owned: `${object.kind.toUpperCase()} ${sqlName(object.name)}`,
        granted: `TABLE ${sqlName(object.name)}`,
      };
    default:
      return undefined;
  }
}

function both(name: string): { owned: string; granted: string } {
  return { owned: name, granted: name };
}
