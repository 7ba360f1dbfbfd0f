import { quoteIdentifier } from '../db/identifier.js';
import { sqlName } from '../schema/statements.js';
import { type Part, partName } from './part.js';

function ownName(part: Part, name: string): string {
  return sqlName({ schema: part.table.schema, name });
}

/** The statements that take it away. */
export function dropStatements(part: Part): string[] {
  const table = sqlName(part.table);
  switch (part.kind) {
    case 'index':
      return [`DROP INDEX ${ownName(part, part.name)}`];
    case 'statistics':
      return [`DROP STATISTICS ${sqlName(part.name)}`];
    case 'trigger':
      return part.isInherited ? [] : [`DROP TRIGGER ${quoteIdentifier(part.name)} ON ${table}`];
    case 'rule':
      return [`DROP RULE ${quoteIdentifier(part.name)} ON ${table}`];
    case 'policy':
      return [`DROP POLICY ${quoteIdentifier(part.name)} ON ${table}`];
    case 'replica identity':
      return [`ALTER TABLE ONLY ${table} REPLICA IDENTITY DEFAULT`];
    default:
      return [`ALTER TABLE ${table} DROP CONSTRAINT ${quoteIdentifier(part.name)}`];
  }
}

/** The statements that give it the name of the other one. */
export function renameStatements(part: Part, other: Part): string[] {
  const to = quoteIdentifier(partName(part));
  const table = sqlName(other.table);
  switch (other.kind) {
    case 'index':
      return [`ALTER INDEX ${ownName(other, other.name)} RENAME TO ${to}`];
    case 'trigger':
    case 'rule':
    case 'policy':
      return [`ALTER ${other.kind.toUpperCase()} ${quoteIdentifier(other.name)} ON ${table} RENAME TO ${to}`];
    case 'statistics':
      return [];
    case 'replica identity':
      return [];
    default:
      return [`ALTER TABLE ${table} RENAME CONSTRAINT ${quoteIdentifier(other.name)} TO ${to}`];
  }
}

/** What makes one that is there what it is on the provider. */
export function mendStatements(part: Part, other: Part, create: readonly string[]): string[] {
  const table = sqlName(other.table);
  if (part.kind === 'trigger' && other.kind === 'trigger') {
    const isOnlyState = part.events === other.events && part.definition === other.definition;
    if (isOnlyState || part.isInherited)
      return [`ALTER TABLE ${table} ${SWITCH[part.enabled]} TRIGGER ${quoteIdentifier(other.name)}`];
  }
  if (
    part.kind === 'rule' &&
    other.kind === 'rule' &&
    part.definition === other.definition &&
    part.event === other.event
  ) {
    return [`ALTER TABLE ${table} ${SWITCH[part.enabled]} RULE ${quoteIdentifier(other.name)}`];
  }
  if (part.kind === 'check' || part.kind === 'foreign key') {
    if (other.kind === part.kind && other.definition === `${part.definition} NOT VALID`) {
      return [`ALTER TABLE ${table} VALIDATE CONSTRAINT ${quoteIdentifier(other.name)}`];
    }
  }
  return part.kind === 'replica identity' ? [...create] : [...dropStatements(other), ...create];
}

const SWITCH: Readonly<Record<string, string>> = {
  O: 'ENABLE',
  D: 'DISABLE',
  R: 'ENABLE REPLICA',
  A: 'ENABLE ALWAYS',
};
