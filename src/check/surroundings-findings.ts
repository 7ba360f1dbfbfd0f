import { quoteIdentifier, quoteLiteral } from '../db/identifier.js';
import type { Finding, Severity } from './finding.js';
import { APPLICATION_SETTINGS, type Surroundings } from './surroundings.js';
import type { TableRole } from './table-hindrances.js';

/** A node by its name, and what is around it. */
export interface Surrounded {
  readonly node: { readonly nodeName: string };
  readonly surroundings: Surroundings;
}

type Add = (
  severity: Severity,
  what: string,
  object: string,
  message: string,
  statements?: readonly string[],
) => void;

function collector(
  node: string,
  difference: Finding['difference'],
): { readonly found: Finding[]; readonly add: Add } {
  const found: Finding[] = [];
  return {
    found,
    add: (severity, what, object, message, statements = []) =>
      void found.push({
        severity,
        what,
        difference,
        table: null,
        object,
        node,
        message,
        mend: statements.length === 0 ? undefined : { node, statements },
      }),
  };
}

/** What of one node's database is in the way of replication, whatever the others have. Pure. */
export function databaseHindrances(
  { node: { nodeName: node }, surroundings }: Surrounded,
  { role, connections }: { readonly role: TableRole; readonly connections: number },
): Finding[] {
  const { found, add } = collector(node, 'hindrance');
  const { database, settings, isStandby, freeConnections, silentRoles, maySetReplicationRole, collations } =
    surroundings;
  const name = quoteIdentifier(database);
  if (isStandby)
    add('blocks', 'setting', 'standby', `the server of "${node}" is a standby: nothing can be written there`);
  if (settings.get('default_transaction_read_only') === 'on') {
    add(
      'blocks',
      'setting',
      'default_transaction_read_only',
      `sessions of our role are read-only on "${node}": neither ticks nor rows can be written`,
      [`ALTER DATABASE ${name} SET default_transaction_read_only = off`],
    );
  }
  const isolation = settings.get('default_transaction_isolation');
  if (isolation !== undefined && isolation !== 'read committed') {
    add(
      'hint',
      'setting',
      'default_transaction_isolation',
      `transactions are ${isolation} by default on "${node}": batches are begun again when others write the same rows, and ticks come later`,
    );
  }
  const threshold = settings.get('old_snapshot_threshold');
  if (threshold !== undefined && threshold !== '-1') {
    add(
      'hint',
      'setting',
      'old_snapshot_threshold',
      `old_snapshot_threshold is set on "${node}": a long copy or compare fails with "snapshot too old"`,
      ['ALTER SYSTEM SET old_snapshot_threshold = -1'],
    );
  }
  if (role === 'root') {
    const general = settings.get('session_replication_role');
    const silent = [
      ...(general === undefined || general === 'origin' || silentRoles.some(({ role }) => role === null)
        ? []
        : [{ role: null, setting: general }]),
      ...silentRoles,
    ];
    for (const { role, setting } of silent) {
      const who = role === null ? 'all sessions' : `sessions of role "${role}"`;
      add(
        'blocks',
        'setting',
        'session_replication_role',
        `session_replication_role is ${setting} for ${who} on "${node}": what they write is not captured`,
        [
          role === null
            ? `ALTER DATABASE ${name} SET session_replication_role = origin`
            : `ALTER ROLE ${quoteIdentifier(role)} SET session_replication_role = origin`,
        ],
      );
    }
  } else if (role === 'target' && !maySetReplicationRole) {
    add(
      'hint',
      'rights',
      'session_replication_role',
      `our role may not set session_replication_role on "${node}": the worker takes foreign keys and triggers off the replicated tables`,
      [`GRANT SET ON PARAMETER session_replication_role TO ${quoteIdentifier(surroundings.ourRole)}`],
    );
  }
  if (freeConnections < connections) {
    add(
      'hint',
      'setting',
      'max_connections',
      `our role can open ${freeConnections} more sessions on "${node}"; a worker with its copies takes up to ${connections}`,
    );
  }
  for (const { name: collation, recorded, actual } of collations) {
    if (recorded === null || actual === null || recorded === actual) continue;
    const what = collation === null ? `the collation of database ${database}` : `collation ${collation}`;
    add(
      'differs',
      'collation version',
      what,
      `${what} had version ${recorded} on "${node}" when its indexes were made and has ${actual} now: they may be in the wrong order, find no rows and let keys in twice`,
      [
        `REINDEX DATABASE ${name}`,
        collation === null
          ? `ALTER DATABASE ${name} REFRESH COLLATION VERSION`
          : `ALTER COLLATION ${collation} REFRESH VERSION`,
      ],
    );
  }
  return found;
}

interface Named {
  readonly node: string;
  readonly surroundings: Surroundings;
}

/** A locale by its one name: `de_DE.UTF-8` and `de_DE.utf8` are the same to the system. */
function localeName(name: string): string {
  if (name === 'POSIX') return 'C';
  const [language = '', codeset] = name.split('.');
  return codeset === undefined ? language : `${language}.${codeset.toLowerCase().replaceAll('-', '')}`;
}

/** Values of a setting that mean the same. */
function meaning(name: string, value: string): string {
  if (name === 'lc_monetary') return localeName(value);
  return name === 'TimeZone' && /^(?:Etc\/)?(?:UTC|UCT|Universal|Zulu)$/.test(value) ? 'UTC' : value;
}

const PROVIDERS: Readonly<Record<string, string>> = { c: 'libc', i: 'icu', b: 'builtin' };

/** In what two databases and their servers differ, so that rows or the application could notice. Pure. */
export function compareSurroundings(thereSide: Surrounded, hereSide: Surrounded): Finding[] {
  const [there, here] = [thereSide, hereSide].map(({ node, surroundings }) => ({
    node: node.nodeName,
    surroundings,
  })) as [Named, Named];
  const { found, add } = collector(here.node, 'different');
  const [from, to] = [there.surroundings, here.surroundings];
  const differs = (one: string, other: string) => `${one} on "${there.node}" and ${other} on "${here.node}"`;
  if (from.encoding !== to.encoding) {
    const isSafe = to.encoding === 'UTF8' && from.encoding !== 'SQL_ASCII';
    const why = isSafe ? 'every character has a place' : 'characters may have no place here';
    add(
      isSafe ? 'differs' : 'blocks',
      'encoding',
      'encoding',
      `the encoding is ${differs(from.encoding, to.encoding)}: ${why}`,
    );
  }
  const locale = ({ provider, locale: own, collate }: Surroundings) =>
    provider === null || provider === 'c'
      ? `libc ${localeName(collate)}`
      : `${PROVIDERS[provider] ?? provider} ${own ?? collate}`;
  if (locale(from) !== locale(to)) {
    add(
      'differs',
      'collation',
      'lc_collate',
      `texts sort by ${differs(locale(from), locale(to))}: indexes, ORDER BY and ranges of texts follow another order`,
    );
  }
  if (localeName(from.ctype) !== localeName(to.ctype)) {
    add(
      'differs',
      'collation',
      'lc_ctype',
      `lc_ctype is ${differs(from.ctype, to.ctype)}: upper(), lower() and patterns treat letters in another way`,
    );
  }
  for (const [name, effect] of Object.entries(APPLICATION_SETTINGS)) {
    const [one, other] = [from.settings.get(name), to.settings.get(name)];
    if (one === undefined || other === undefined || meaning(name, one) === meaning(name, other)) continue;
    add(
      'differs',
      'setting',
      name,
      `${name} is ${differs(one, other)}: nothing to replication, but ${effect} for an application that moves here`,
      [
        `ALTER DATABASE ${quoteIdentifier(to.database)} SET ${name} = ${name === 'search_path' ? one : quoteLiteral(one).trimStart()}`,
      ],
    );
  }
  const versions = new Map(from.collations.map(({ name, actual }) => [name, actual]));
  for (const { name, actual } of to.collations) {
    const other = versions.get(name);
    if (other === undefined || other === null || actual === null || other === actual) continue;
    add(
      'hint',
      'collation version',
      name ?? 'default collation',
      `${name ?? 'the collation of the database'} has version ${differs(other, actual)}: some texts sort in another order`,
    );
  }
  return found;
}
