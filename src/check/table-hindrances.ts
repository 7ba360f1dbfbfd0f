import { quoteIdentifier, quoteLiteral, quoteName } from '../db/identifier.js';
import type { Finding, Severity } from './finding.js';
import type { CaptureState, TableFacts } from './table-facts.js';

/** Which part a node plays for its tables: what is written by the application, read by another node, or written by its worker. */
export type TableRole = 'root' | 'source' | 'target';

export interface HindranceContext {
  readonly node: string;
  readonly role: TableRole;
  /** The role of the connect string, under which the worker reads and writes. */
  readonly ourRole: string;
  /** Names of the queue's tables in this database, and of its sequences. */
  readonly tablesHere: ReadonlySet<string>;
  readonly sequencesHere: ReadonlySet<string>;
}

/** What keeps one table of a node from being replicated as it should, whatever the other nodes have. Pure. */
export function tableHindrances(facts: TableFacts, context: HindranceContext): Finding[] {
  const { tableName, destTable, kind } = facts;
  const { node, role } = context;
  const table = quoteName(destTable);
  const found: Finding[] = [];
  const add = (severity: Severity, what: string, message: string, statements: readonly string[] = []) =>
    void found.push({
      severity,
      what,
      difference: 'hindrance',
      table: tableName,
      object: `table ${destTable}`,
      node,
      message,
      mend: statements.length === 0 ? undefined : { node, statements },
    });
  if (kind === null) {
    const mend =
      role === 'target'
        ? `replicate INI add-table ${tableName} --create-full`
        : `replicate INI remove-table ${tableName}`;
    const message = `table ${destTable} is replicated and is not there on "${node}"`;
    const first = role === 'target' ? [`replicate INI remove-table ${tableName}`] : [];
    add('blocks', 'table', message, [...first, mend]);
    return found;
  }
  if (kind !== 'r' && kind !== 'p') {
    add(
      'blocks',
      'table',
      `${destTable} is ${KINDS[kind] ?? 'no table'} on "${node}": its rows cannot be replicated`,
      [`replicate INI remove-table ${tableName}`],
    );
    return found;
  }
  if (facts.isUnlogged) {
    const loss =
      role === 'target'
        ? 'a crash of the server empties it, and nothing brings the rows back'
        : 'a crash of the server empties it without an event, and the nodes below keep the rows';
    add('blocks', 'unlogged table', `table ${destTable} is unlogged on "${node}": ${loss}`, [
      `ALTER TABLE ${table} SET LOGGED`,
    ]);
  }
  if (facts.hidesRows) {
    const what =
      role === 'target' ? 'the worker cannot write all rows' : 'a copy and a compare cannot read all rows';
    add(
      'blocks',
      'row security',
      `row security of table ${destTable} holds for our role on "${node}": ${what}`,
      [`ALTER ROLE ${quoteIdentifier(context.ourRole)} BYPASSRLS`],
    );
  }
  const lacking = role === 'target' ? facts.missingRights : facts.canRead ? [] : ['SELECT'];
  if (lacking.length > 0) {
    const what = role === 'target' ? 'the worker cannot write it' : 'it cannot be copied nor compared';
    add(
      'blocks',
      'rights',
      `our role has no ${lacking.join(', ')} on table ${destTable} of "${node}": ${what}`,
      [`GRANT ${lacking.join(', ')} ON ${table} TO ${quoteIdentifier(context.ourRole)}`],
    );
  }
  for (const index of facts.invalidIndexes) {
    add(
      'differs',
      'index',
      `index ${index} is invalid on "${node}": a CREATE INDEX CONCURRENTLY has failed, and nothing uses it`,
      [`REINDEX INDEX ${quoteName(index)}`],
    );
  }
  for (const ancestor of facts.ancestors.filter((name) => context.tablesHere.has(name) && role === 'root')) {
    add(
      'blocks',
      'partition',
      `table ${destTable} is a partition of ${ancestor}, and both are replicated: each write is sent twice`,
      [`replicate INI remove-table ${tableName}`],
    );
  }
  if (role === 'root') hintsOfRoot(facts, context, add);
  return found;
}

type Add = (severity: Severity, what: string, message: string, statements?: readonly string[]) => void;

function hintsOfRoot(facts: TableFacts, context: HindranceContext, add: Add): void {
  const { destTable } = facts;
  if (!facts.hasKey) {
    const why = facts.hasDeferrableKey ? 'has only a deferrable key' : 'has no key';
    add(
      'hint',
      'key',
      `table ${destTable} ${why}: each update and delete travels with the whole old row, and the nodes look for it among all rows`,
      [`ALTER TABLE ${quoteName(destTable)} ADD PRIMARY KEY (COLUMNS)`],
    );
  }
  const children = facts.children.filter((name) => !context.tablesHere.has(name));
  if (children.length > 0) {
    add(
      'hint',
      'children',
      `the rows of ${children.join(', ')}, which inherit from table ${destTable}, are not replicated with it`,
      children.map((name) => `replicate INI add-table ${name}`),
    );
  }
  const sequences = facts.sequences.filter((name) => !context.sequencesHere.has(name));
  if (sequences.length > 0) {
    add(
      'hint',
      'sequence',
      `${sequences.join(', ')} of table ${destTable} is not replicated: after a takeover it gives out values again that are taken`,
      sequences.map((name) => `replicate INI add-seq ${name}`),
    );
  }
}

const KINDS: Readonly<Record<string, string>> = {
  v: 'a view',
  m: 'a materialized view',
  f: 'a foreign table',
  S: 'a sequence',
  c: 'a type',
};

/** What keeps writes to one table of a root from becoming events. Pure. */
export function captureHindrances(state: CaptureState, node: string, queueName: string): Finding[] {
  const { tableName, destTable, disabled, uncaptured } = state;
  const common = {
    severity: 'blocks',
    what: 'capture',
    difference: 'hindrance',
    table: tableName,
    object: `table ${destTable}`,
    node,
  } as const;
  const findings: Finding[] = disabled.map(({ table, trigger }) => ({
    ...common,
    message: `trigger ${trigger} of table ${table} is disabled on "${node}": what the application writes is not replicated; what was written meanwhile needs "resync"`,
    mend: {
      node,
      statements: [`ALTER TABLE ${quoteName(table)} ENABLE TRIGGER ${quoteIdentifier(trigger)}`],
    },
  }));
  if (uncaptured.length > 0) {
    const literals = [queueName, tableName, destTable].map((text) => quoteLiteral(text).trimStart());
    findings.push({
      ...common,
      message: `no trigger captures ${uncaptured.join(', ')} of table ${destTable} on "${node}"; what was written meanwhile needs "resync"`,
      mend: { node, statements: [`select pgcascade.create_capture(${literals.join(', ')}, null)`] },
    });
  }
  return findings;
}
