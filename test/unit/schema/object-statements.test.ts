import { expect, test } from 'vitest';
import type {
  ConstraintObject,
  PolicyObject,
  Privilege,
  RoutineObject,
  RuleObject,
  TableObject,
  ViewObject,
} from '../../../src/schema/database-object.js';
import { objectStatements } from '../../../src/schema/object-statements.js';
import { allStatements } from '../../../src/schema/statements.js';
import type { Target } from '../../../src/schema/target.js';
import { tableObject } from '../../support/table-object.js';

const TARGET: Target = {
  version: 180_000,
  role: 'ours',
  isSuperuser: false,
  roles: new Set(['ours', 'other', 'reader']),
  ownerRoles: new Set(['ours']),
  tablespaces: new Set(['fast']),
  defaultRights: new Map(),
  keepsAll: false,
};

const BASE = { key: 'k', address: '', owner: 'ours', comment: null, privileges: [] };
const NAME = { schema: 's', name: 't' };

function view(options: readonly string[], owner = 'gone'): ViewObject {
  return { ...BASE, owner, kind: 'view', name: NAME, definition: 'SELECT 1', options, columns: [] };
}

function routine(isSecurityDefiner: boolean, owner = 'gone'): RoutineObject {
  return {
    ...BASE,
    owner,
    kind: 'function',
    signature: 's.f()',
    schema: 's',
    isSecurityDefiner,
    definition: 'CREATE FUNCTION s.f() …',
  };
}

function table(privileges: readonly Privilege[], owner: string | null = 'ours'): TableObject {
  return tableObject({ ...BASE, owner, privileges });
}

function right(action: Privilege['action'], grantee: string, privilege = 'SELECT'): Privilege {
  return { action, grantor: 'ours', grantee, privilege, grantable: false };
}

test('what acts with the rights of its owner is refused without him, with the statement that helps', () => {
  expect(objectStatements(routine(true), TARGET).refused).toBe(
    'it would act with the rights of our role "ours", not of its owner "gone": run CREATE ROLE "gone"; ' +
      'GRANT "gone" TO "ours" WITH INHERIT TRUE, SET TRUE; or let our role own everything with --no-owner',
  );
  expect(objectStatements(routine(true, 'other'), TARGET).refused).toContain(': run GRANT "other" TO "ours"');
  expect(objectStatements(view([]), TARGET).refused).toContain('CREATE ROLE "gone"');
  expect(objectStatements(view(['security_invoker=off']), TARGET).refused).toContain('CREATE ROLE "gone"');
  expect(objectStatements({ ...view([]), kind: 'materialized view' }, TARGET).refused).toContain(
    'CREATE ROLE',
  );
});

test('what acts with the rights of its user is made without its owner, with a note', () => {
  for (const object of [routine(false), view(['security_invoker=1'])]) {
    const made = objectStatements(object, TARGET);
    expect(made.refused).toBeUndefined();
    expect(made.notes).toEqual(['its owner "gone" does not exist there']);
  }
});

test('with --no-owner everything is made, and stays with our role', () => {
  for (const object of [routine(true), view([]), routine(true, 'other')]) {
    const made = objectStatements(object, { ...TARGET, keepsAll: true });
    expect(made).toMatchObject({ refused: undefined, owner: [], notes: [] });
  }
});

test('a rule that does something is refused when the owner of its table is not there', () => {
  const rule: RuleObject = {
    ...BASE,
    kind: 'rule',
    owner: null,
    table: NAME,
    columns: [],
    name: 'r',
    event: 'INSERT',
    definition: 'DO ALSO INSERT INTO s.u DEFAULT VALUES',
    tableOwner: 'gone',
    enabled: 'O',
  };
  expect(objectStatements(rule, TARGET).refused).toContain('CREATE ROLE "gone"');
  expect(objectStatements({ ...rule, definition: 'DO INSTEAD NOTHING' }, TARGET).refused).toBeUndefined();
  expect(objectStatements({ ...rule, tableOwner: 'ours' }, TARGET).refused).toBeUndefined();
});

test('a view by its user before PostgreSQL 15, and a policy for somebody who is not there, are refused', () => {
  const old = { ...TARGET, version: 140_000 };
  expect(objectStatements(view(['security_invoker=true'], 'ours'), old).refused).toContain(
    'security_invoker',
  );
  expect(objectStatements(view(['security_invoker=false'], 'ours'), old).refused).toBeUndefined();
  const policy: PolicyObject = {
    ...BASE,
    kind: 'policy',
    owner: null,
    table: NAME,
    columns: [],
    name: 'p',
    command: 'ALL',
    isPermissive: false,
    roles: ['reader', 'gone'],
    using: 'true',
    check: null,
  };
  expect(objectStatements(policy, TARGET).refused).toBe(
    'role "gone" does not exist there: run CREATE ROLE "gone"',
  );
});

test('no statement names a role that is not there', () => {
  const privileges = [
    right('revoke', 'gone', 'DELETE'),
    right('grant', 'gone too'),
    { ...right('grant', 'reader'), grantor: 'gone' },
  ];
  const made = objectStatements(table(privileges, 'gone'), TARGET);
  expect(made.notes).toEqual([
    'its owner "gone" does not exist there',
    'role "gone too" does not exist there: its rights are left out',
  ]);
  expect(allStatements(made).filter((sql) => sql.includes('gone'))).toEqual([]);
  expect(made.grants).toEqual(['GRANT SELECT ON TABLE "s"."t" TO "reader"']);
});

test('default privileges of our role are undone before an object gets the rights of the source', () => {
  const defaultRights = new Map([
    ['TABLES', [right('grant', 'reader')]],
    ['TABLES in s', [right('grant', 'reader'), right('grant', 'other', 'INSERT')]],
    ['FUNCTIONS', [right('revoke', 'PUBLIC', 'EXECUTE')]],
  ]);
  const target = { ...TARGET, defaultRights };
  expect(allStatements(objectStatements(table([right('grant', 'reader')]), target)).slice(1)).toEqual([
    'REVOKE SELECT ON TABLE "s"."t" FROM "reader"',
    'REVOKE INSERT ON TABLE "s"."t" FROM "other"',
    'ALTER TABLE "s"."t" OWNER TO "ours"',
    'GRANT SELECT ON TABLE "s"."t" TO "reader"',
  ]);
  expect(objectStatements({ ...table([]), name: { schema: 'u', name: 't' } }, target).plain).toEqual([
    'REVOKE SELECT ON TABLE "u"."t" FROM "reader"',
  ]);
  expect(objectStatements(routine(true, 'ours'), target).plain).toEqual([
    'GRANT EXECUTE ON FUNCTION s.f() TO PUBLIC',
  ]);
  // Made without its owner and rights, it is as one that is made by hand.
  expect(objectStatements(table([], null), target).plain).toEqual([]);
});

test('the index of a key keeps its comment, and its tablespace where that is there', () => {
  const key: ConstraintObject = {
    ...BASE,
    kind: 'primary key',
    owner: null,
    table: NAME,
    columns: ['id'],
    name: 't_pkey',
    definition: 'PRIMARY KEY (id)',
    options: [],
    tablespace: 'fast',
    indexComment: 'found by',
    isPartitioned: false,
    isClustered: false,
    isReplicaIdentity: false,
    otherTable: null,
    parentIndex: null,
  };
  expect(allStatements(objectStatements(key, TARGET)).slice(1)).toEqual([
    'ALTER INDEX "s"."t_pkey" SET TABLESPACE "fast"',
    `COMMENT ON INDEX "s"."t_pkey" IS 'found by'`,
  ]);
  const made = objectStatements({ ...key, tablespace: 'slow' }, TARGET);
  expect(made.create).toHaveLength(1);
  expect(made.notes).toEqual([
    'tablespace "slow" does not exist there, or is not for our role: the default one is used',
  ]);
});
