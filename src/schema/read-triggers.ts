import { type CatalogReader, isUsers } from './catalog-reader.js';
import type { DatabaseObject, TriggerObject } from './database-object.js';
import { columnsOf, type PartRow, part, TABLE, WRITTEN } from './table-part.js';

/**
 * Reads the users' triggers: of the tables themselves, among them the state of a partition's share in its parent's when it is another than
 * the parent's, or all such shares as triggers of the partitions.
 */
export async function readTriggers(
  reader: CatalogReader,
  whose: 'own' | 'inherited',
): Promise<TriggerObject[]> {
  const rows = await reader.rows<
    PartRow & {
      name: string;
      written: string;
      head: string;
      definition: string;
      routine: string;
      enabled: string;
      is_constraint: boolean;
      inherited: boolean;
    }
  >(
    `select t.oid, ${TABLE}, t.tgname::text as name, quote_ident(t.tgname) as written, ${WRITTEN} as head, pg_get_triggerdef(t.oid) as definition,
            t.tgfoid::regproc::text as routine, t.tgenabled::text as enabled, t.tgconstraint <> 0 as is_constraint, ${columnsOf('pg_trigger', 't.oid')},
            p.oid is not null as inherited
       from pg_trigger as t
       join pg_class as o on o.oid = t.tgrelid
       join pg_namespace as n on n.oid = o.relnamespace
       join pg_proc as f on f.oid = t.tgfoid
       join pg_namespace as fn on fn.oid = f.pronamespace
       -- The share of a partition in its parent's trigger, which may itself be one: internal up to PostgreSQL 14.
       left join pg_inherits as i on i.inhrelid = o.oid and o.relispartition
       left join pg_trigger as p
         on p.tgrelid = i.inhparent and p.tgname = t.tgname and p.tgfoid = t.tgfoid and (t.tgtype & 1) = 1
        and ${reader.version} >= 110000
      where ${whose === 'own' ? OWN_TRIGGER : 'p.oid is not null'}
        and fn.nspname not in ('pgq', 'pgq_node', 'pgq_ext', 'pgq_coop', 'londiste', 'pgcascade')
        and ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => {
    const start = `CREATE ${row.is_constraint ? 'CONSTRAINT ' : ''}TRIGGER ${row.written} `.length;
    const table = row.definition.indexOf(` ON ${row.head} `, start);
    const rest = row.definition.slice(table + ` ON ${row.head} `.length);
    const call = rest.lastIndexOf(`EXECUTE PROCEDURE ${row.routine}(`);
    return {
      ...part(reader, 'trigger', 'pg_trigger', row, row.name),
      kind: 'trigger',
      name: row.name,
      events: row.definition.slice(start, table),
      isConstraint: row.is_constraint,
      // PROCEDURE was the word before PostgreSQL 11.
      definition:
        call < 0
          ? rest
          : `${rest.slice(0, call)}EXECUTE FUNCTION ${rest.slice(call + 'EXECUTE PROCEDURE '.length)}`,
      enabled: row.enabled,
      isInherited: row.inherited && whose === 'own',
    };
  });
}

const OWN_TRIGGER = `(not t.tgisinternal or p.oid is not null) and (p.oid is null or p.tgenabled <> t.tgenabled)`;

/** Reads rules, without those that make views. */
export async function readRules(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<
    PartRow & {
      name: string;
      head: string;
      written: string;
      definition: string;
      enabled: string;
      table_owner: string;
    }
  >(
    `select r.oid, ${TABLE}, r.rulename::text as name, quote_ident(r.rulename) as written, ${WRITTEN} as head, pg_get_ruledef(r.oid) as definition,
            r.ev_enabled::text as enabled, pg_get_userbyid(o.relowner)::text as table_owner, ${columnsOf('pg_rewrite', 'r.oid')}
       from pg_rewrite as r
       join pg_class as o on o.oid = r.ev_class
       join pg_namespace as n on n.oid = o.relnamespace
      where r.rulename <> '_RETURN' and ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => {
    const [, event = ''] = /^\s*ON (\w+) TO /.exec(ruleTail(row)) ?? [];
    const tail = ruleTail(row).replace(/^\s*ON \w+ TO /, '');
    return {
      ...part(reader, 'rule', 'pg_rewrite', row, row.name),
      kind: 'rule',
      name: row.name,
      event,
      definition: tail.slice(row.head.length).trim().replace(/;$/, ''),
      tableOwner: row.table_owner,
      enabled: row.enabled,
    };
  });
}

function ruleTail({
  definition,
  written,
}: {
  readonly definition: string;
  readonly written: string;
}): string {
  return definition.slice(`CREATE RULE ${written} AS`.length);
}

/** Reads policies. */
export async function readPolicies(reader: CatalogReader): Promise<DatabaseObject[]> {
  const rows = await reader.rows<
    PartRow & {
      name: string;
      command: string;
      permissive: boolean;
      roles: string[];
      using: string | null;
      check: string | null;
    }
  >(
    `select p.oid, ${TABLE}, p.polname::text as name, p.polcmd::text as command, p.polpermissive as permissive,
            (select array_agg(case when r = 0 then 'PUBLIC' else pg_get_userbyid(r)::text end order by r) from unnest(p.polroles) as r) as roles,
            pg_get_expr(p.polqual, p.polrelid) as using, pg_get_expr(p.polwithcheck, p.polrelid) as check, ${columnsOf('pg_policy', 'p.oid')}
       from pg_policy as p
       join pg_class as o on o.oid = p.polrelid
       join pg_namespace as n on n.oid = o.relnamespace
      where ${isUsers('pg_class')} and ${reader.wanted('o.oid')}`,
  );
  return rows.map((row) => ({
    ...part(reader, 'policy', 'pg_policy', row, row.name),
    kind: 'policy',
    name: row.name,
    command: POLICY_COMMANDS[row.command] ?? 'ALL',
    isPermissive: row.permissive,
    roles: row.roles,
    using: row.using,
    check: row.check,
  }));
}

const POLICY_COMMANDS: Readonly<Record<string, string>> = {
  r: 'SELECT',
  a: 'INSERT',
  w: 'UPDATE',
  d: 'DELETE',
};
