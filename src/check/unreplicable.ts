import type { Connection, Row } from '../db/connection.js';
import { quoteName } from '../db/identifier.js';
import type { Finding } from './finding.js';

interface LeftOutRow extends Row {
  readonly name: string;
  readonly kind: string;
  readonly ancestor: string | null;
}

/**
 * What a root's database holds that cannot be replicated, or only as a part of something else, and why: hints, for nobody has asked for
 * them to be.
 */
export async function readUnreplicable(connection: Connection, node: string): Promise<Finding[]> {
  const rows = await connection.query<LeftOutRow>(
    `select n.nspname || '.' || c.relname as name, c.relkind::text as kind,
            (select pn.nspname || '.' || p.relname
               from pg_inherits as i join pg_class as p on p.oid = i.inhparent join pg_namespace as pn on pn.oid = p.relnamespace
              where i.inhrelid = c.oid and c.relispartition) as ancestor
       from pg_class as c
       join pg_namespace as n on n.oid = c.relnamespace
      where (c.relkind in ('f', 'm') or c.relkind in ('r', 'p') and c.relpersistence = 'u')
        and n.nspname not in ('pgq', 'pgq_ext', 'pgq_coop', 'pgq_node', 'londiste', 'pgcascade', 'pg_catalog', 'information_schema')
        and n.nspname !~ '^pg_(toast|temp)'
        and not exists (select from pg_depend as d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
        and not exists (select from londiste.table_info as t
                         where t.local and coalesce(t.dest_table, t.table_name) = n.nspname || '.' || c.relname)
      order by 1`,
  );
  const { temporary, large } = await connection.one<{ temporary: number; large: bigint }>(
    `select (select count(*)::int4 from pg_class as c where c.relpersistence = 't' and c.relkind = 'r') as temporary,
            (select count(*) from pg_largeobject_metadata) as large`,
  );
  const hint = (
    object: string,
    what: string,
    message: string,
    statements: readonly string[] = [],
  ): Finding => ({
    severity: 'hint',
    what,
    difference: 'hindrance',
    table: null,
    object,
    node,
    message,
    mend: statements.length === 0 ? undefined : { node, statements },
  });
  const findings = rows.map(({ name, kind, ancestor }) => {
    if (kind === 'f') {
      const where = ancestor === null ? '' : `, which is a partition of ${ancestor},`;
      return hint(
        `foreign table ${name}`,
        'foreign table',
        `foreign table ${name}${where} cannot be replicated: its rows are elsewhere; make it on each node by hand`,
      );
    }
    if (kind === 'm') {
      return hint(
        `materialized view ${name}`,
        'materialized view',
        `materialized view ${name} is not replicated: refresh it on each node`,
        [`REFRESH MATERIALIZED VIEW ${quoteName(name)}`],
      );
    }
    return hint(
      `table ${name}`,
      'unlogged table',
      `table ${name} is unlogged and is not replicated: a crash would empty it without an event`,
      [`ALTER TABLE ${quoteName(name)} SET LOGGED`, `replicate INI add-table ${name}`],
    );
  });
  if (temporary > 0) {
    findings.push(
      hint(
        'temporary tables',
        'temporary table',
        `${temporary} temporary ${temporary === 1 ? 'table' : 'tables'} of sessions: never replicated`,
      ),
    );
  }
  if (large > 0n) {
    findings.push(
      hint(
        'large objects',
        'large object',
        `${large} large ${large === 1n ? 'object' : 'objects'}: not replicated; keep them as bytea, or copy them by pg_dump`,
      ),
    );
  }
  return findings;
}
