import { quoteIdentifier, quoteLiteral } from '../db/identifier.js';
import type {
  DatabaseObject,
  DefaultPrivilegesObject,
  EventTriggerObject,
  MemberRightsObject,
  Privilege,
  TableObject,
  ViewObject,
} from './database-object.js';
import { grantStatements, roleText } from './grant-statements.js';
import { ownerStatements } from './owner-statements.js';
import { partStatements } from './part-statements.js';
import { plainRights, type RightsKind, rightsKind } from './plain-rights.js';
import { commentStatements, isOn, Lacks, type ObjectStatements, sqlName, sqlOption } from './statements.js';
import { knownOptions, sequenceText, tableStatements } from './table-statements.js';
import type { Target } from './target.js';

/** What an object is called in ALTER … OWNER, COMMENT ON and GRANT. */
interface Names {
  readonly owned?: string;
  readonly commented?: string;
  readonly granted?: string;
}

interface Made extends Names {
  readonly create: readonly string[];
  /** Comments on what belongs to it. */
  readonly comments?: readonly string[];
  /** What comes with it and has rights of its own. */
  readonly alsoGranted?: readonly Granted[];
  readonly notes?: readonly string[];
  readonly refused?: string | undefined;
}

interface Granted {
  readonly name: string;
  readonly privileges: readonly Privilege[];
  /** Undefined: default privileges give nothing to it. */
  readonly kind: RightsKind | undefined;
}

/** The statements that make an object in `target`. Pure. */
export function objectStatements(object: DatabaseObject, target: Target): ObjectStatements {
  const made = make(object, target);
  const owner = ownerStatements(object, made.owned, target);
  const granted = [...grantedBy(object, made), ...(made.alsoGranted ?? [])];
  const grants = granted.map(({ name, privileges }) =>
    grantStatements(name, privileges, target.keepsAll ? null : object.owner, target),
  );
  return {
    create: made.create,
    plain: granted.flatMap(({ name, kind }) =>
      kind === undefined ? [] : plainRights(name, kind, schemaOf(object), target),
    ),
    owner: owner.statements,
    comments: [
      ...(made.commented === undefined ? [] : commentStatements(made.commented, object.comment)),
      ...(made.comments ?? []),
    ],
    grants: grants.flatMap(({ statements }) => statements),
    notes: [...new Set([...(made.notes ?? []), ...owner.notes, ...grants.flatMap(({ notes }) => notes)])],
    refused: made.refused ?? owner.refused,
  };
}

function grantedBy(object: DatabaseObject, { granted }: Made): Granted[] {
  if (granted === undefined) return [];
  // What is made without its owner is made as by hand, and the schema public is there already.
  const isPlain = object.owner === null || (object.kind === 'schema' && object.name === 'public');
  return [{ name: granted, privileges: object.privileges, kind: isPlain ? undefined : rightsKind(object) }];
}

function schemaOf(object: DatabaseObject): string | null {
  if ('schema' in object) return object.schema;
  return 'name' in object && typeof object.name !== 'string' ? object.name.schema : null;
}

/** A name that stands in all three places. */
function everywhere(name: string): Names {
  return { owned: name, commented: name, granted: name };
}

function make(object: DatabaseObject, target: Target): Made {
  const lacks = new Lacks(target.version);
  switch (object.kind) {
    case 'schema': {
      const name = quoteIdentifier(object.name);
      // It is in every database already, with other rights since PostgreSQL 15.
      const create =
        object.name === 'public' ? [`REVOKE ALL ON SCHEMA ${name} FROM PUBLIC`] : [`CREATE SCHEMA ${name}`];
      return { create, ...everywhere(`SCHEMA ${name}`) };
    }
    case 'extension':
      return {
        create: [
          `CREATE EXTENSION ${quoteIdentifier(object.name)} WITH SCHEMA ${quoteIdentifier(object.schema)}`,
        ],
      };
    case 'enum':
      return {
        create: [`CREATE TYPE ${sqlName(object.name)} AS ENUM (${object.labels.map(literal).join(', ')})`],
        ...everywhere(`TYPE ${sqlName(object.name)}`),
      };
    case 'composite': {
      const name = sqlName(object.name);
      const columns = object.columns.map(
        (column) =>
          `${quoteIdentifier(column.name)} ${column.type}${column.collation === null ? '' : ` COLLATE ${column.collation}`}`,
      );
      return {
        create: [`CREATE TYPE ${name} AS (${columns.join(', ')})`],
        comments: object.columns.flatMap((column) =>
          commentStatements(`COLUMN ${name}.${quoteIdentifier(column.name)}`, column.comment),
        ),
        ...everywhere(`TYPE ${name}`),
      };
    }
    case 'range': {
      const name = sqlName(object.name);
      const multirange =
        object.multirange === null || lacks.before(14)
          ? []
          : [`multirange_type_name = ${sqlName({ schema: object.name.schema, name: object.multirange })}`];
      return {
        create: [`CREATE TYPE ${name} AS RANGE (${[...object.settings, ...multirange].join(', ')})`],
        ...everywhere(`TYPE ${name}`),
      };
    }
    case 'domain': {
      const name = sqlName(object.name);
      const words = [
        `CREATE DOMAIN ${name} AS ${object.type}`,
        object.collation === null ? '' : ` COLLATE ${object.collation}`,
        object.default === null ? '' : ` DEFAULT ${object.default}`,
        object.notNull ? ' NOT NULL' : '',
      ];
      return {
        create: [words.join('')],
        owned: `DOMAIN ${name}`,
        commented: `DOMAIN ${name}`,
        granted: `TYPE ${name}`,
      };
    }
    case 'domain constraint': {
      const domain = sqlName(object.domain);
      const name = quoteIdentifier(object.name);
      return {
        create: [`ALTER DOMAIN ${domain} ADD CONSTRAINT ${name} ${object.definition}`],
        commented: `CONSTRAINT ${name} ON DOMAIN ${domain}`,
      };
    }
    case 'collation': {
      const name = sqlName(object.name);
      const isPlain = !object.settings.includes('deterministic = false');
      if (!isPlain && lacks.before(12)) return refused('PostgreSQL before 12 has no such collations');
      return {
        create: [`CREATE COLLATION ${name} (${object.settings.join(', ')})`],
        owned: `COLLATION ${name}`,
        commented: `COLLATION ${name}`,
      };
    }
    case 'function':
    case 'procedure':
    case 'aggregate':
      if (object.kind === 'procedure' && lacks.before(11))
        return refused('PostgreSQL before 11 has no procedures');
      return {
        create: [object.definition],
        ...everywhere(`${object.kind.toUpperCase()} ${object.signature}`),
        // A right on an aggregate is one on a function.
        granted: `${object.kind === 'procedure' ? 'PROCEDURE' : 'FUNCTION'} ${object.signature.replace(/\(\*\)$/, '()')}`,
      };
    case 'sequence': {
      const name = sqlName(object.name);
      const unlogged = object.isUnlogged && !lacks.before(15, 'it is logged') ? 'UNLOGGED ' : '';
      const { type } = object.options;
      return {
        create: [`CREATE ${unlogged}SEQUENCE ${name} AS ${type} ${sequenceText(object.options)}`],
        notes: lacks.notes,
        ...everywhere(`SEQUENCE ${name}`),
      };
    }
    case 'sequence owner':
      return {
        create: [
          `ALTER SEQUENCE ${sqlName(object.sequence)} OWNED BY ${sqlName(object.table)}.${quoteIdentifier(object.column)}`,
        ],
      };
    case 'table': {
      const name = sqlName(object.name);
      const made = tableStatements(object, target);
      return {
        ...made,
        alsoGranted: identitySequences(object),
        owned: `TABLE ${name}`,
        granted: `TABLE ${name}`,
      };
    }
    case 'view':
    case 'materialized view':
      return viewStatements(object, lacks);
    case 'event trigger':
      return eventTriggerStatements(object, target);
    case 'default privileges':
      return defaultPrivilegeStatements(object, target);
    case 'member rights':
      // They are all there is to it.
      return memberRightsStatements(object, target);
    case 'unsupported':
      return refused(object.reason);
    default:
      return {
        ...partStatements(object, target),
        ...(object.kind === 'statistics' ? { owned: `STATISTICS ${sqlName(object.name)}` } : {}),
      };
  }
}

function memberRightsStatements({ granted, privileges }: MemberRightsObject, target: Target): Made {
  const { statements, notes } = grantStatements(granted, privileges, null, target);
  return { create: statements, notes };
}

/** They belong to the table's owner, and have rights of their own. */
function identitySequences(table: TableObject): Granted[] {
  return table.columns.flatMap(({ identity }) =>
    identity === null
      ? []
      : {
          name: `SEQUENCE ${sqlName(identity.sequence)}`,
          privileges: identity.privileges,
          kind: table.owner === null ? undefined : ('SEQUENCES' as const),
        },
  );
}

function refused(reason: string): Made {
  return { create: [], refused: reason };
}

function literal(text: string): string {
  return quoteLiteral(text).trimStart();
}

function viewStatements(view: ViewObject, lacks: Lacks): Made {
  const name = sqlName(view.name);
  const options = knownOptions(view.options, lacks);
  const storage = options.length === 0 ? '' : ` WITH (${options.map(sqlOption).join(', ')})`;
  const what = view.kind === 'view' ? 'VIEW' : 'MATERIALIZED VIEW';
  if (view.options.some((option) => isOn(option, 'security_invoker')) && lacks.before(15)) {
    return refused(
      'PostgreSQL before 15 does not know security_invoker: everybody would see what its owner may see',
    );
  }
  const end = view.kind === 'view' ? '' : '\n  WITH NO DATA';
  return {
    create: [`CREATE ${what} ${name}${storage} AS\n${view.definition}${end}`],
    comments: view.columns.flatMap((column) =>
      commentStatements(`COLUMN ${name}.${quoteIdentifier(column.name)}`, column.comment),
    ),
    notes: view.kind === 'view' ? lacks.notes : [...lacks.notes, 'it has no rows until it is refreshed'],
    owned: `${what} ${name}`,
    commented: `${what} ${name}`,
    granted: `TABLE ${name}`,
  };
}

const STATES: Readonly<Record<string, string>> = {
  D: 'DISABLE',
  R: 'ENABLE REPLICA',
  A: 'ENABLE ALWAYS',
};

function eventTriggerStatements(trigger: EventTriggerObject, target: Target): Made {
  if (!target.isSuperuser) return refused('only a superuser can make an event trigger');
  const name = quoteIdentifier(trigger.name);
  const tags = trigger.tags.length === 0 ? '' : ` WHEN TAG IN (${trigger.tags.map(literal).join(', ')})`;
  const create = [
    `CREATE EVENT TRIGGER ${name} ON ${trigger.event}${tags} EXECUTE PROCEDURE ${trigger.routine}`,
  ];
  const state = STATES[trigger.enabled];
  if (state !== undefined) create.push(`ALTER EVENT TRIGGER ${name} ${state}`);
  return { create, owned: `EVENT TRIGGER ${name}`, commented: `EVENT TRIGGER ${name}` };
}

function defaultPrivilegeStatements(object: DefaultPrivilegesObject, target: Target): Made {
  if (!target.roles.has(object.role)) return refused(`role "${object.role}" does not exist there`);
  if (!target.ownerRoles.has(object.role)) return refused(`our role is not a member of "${object.role}"`);
  const place = object.schema === null ? '' : ` IN SCHEMA ${quoteIdentifier(object.schema)}`;
  const start = `ALTER DEFAULT PRIVILEGES FOR ROLE ${roleText(object.role)}${place}`;
  const { statements, notes } = grantStatements(object.objects, object.privileges, null, target);
  return { create: statements.map((statement) => `${start} ${statement}`), notes };
}
