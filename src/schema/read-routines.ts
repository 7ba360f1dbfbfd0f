import type { Row } from '../db/connection.js';
import { type CatalogReader, isUsers } from './catalog-reader.js';
import type { DatabaseObject, Privilege, RoutineObject } from './database-object.js';

interface RoutineRow extends Row {
  readonly oid: number;
  readonly schema: string;
  readonly kind: string;
  readonly owner: string;
  readonly signature: string;
  readonly security_definer: boolean;
  readonly definition: string | null;
}

/** `f` function, `p` procedure, `a` aggregate, `w` window function: a column of its own since PostgreSQL 11. */
const KIND = `coalesce(to_jsonb(o) ->> 'prokind', case when (to_jsonb(o) ->> 'proisagg')::boolean then 'a' else 'f' end)`;
const SIGNATURE = `quote_ident(n.nspname) || '.' || quote_ident(o.proname) || '(' || pg_get_function_identity_arguments(o.oid) || ')'`;
const KINDS: Readonly<Record<string, RoutineObject['kind']>> = {
  f: 'function',
  w: 'function',
  p: 'procedure',
  a: 'aggregate',
};

/** Reads functions, procedures and aggregates. */
export async function readRoutines(reader: CatalogReader): Promise<DatabaseObject[]> {
  const privileges = await reader.privileges('pg_proc', {
    acl: 'proacl',
    owner: 'proowner',
    type: `'f'`,
  });
  const rows = await reader.rows<RoutineRow>(
    `select o.oid, n.nspname::text as schema, pg_get_userbyid(o.proowner)::text as owner, ${KIND} as kind, ${SIGNATURE} as signature, o.prosecdef as security_definer,
            case when ${KIND} <> 'a' then pg_get_functiondef(o.oid) end as definition
       from pg_proc as o
       join pg_namespace as n on n.oid = o.pronamespace
      where ${isUsers('pg_proc')}
        -- The constructors of a range type come with it.
        and not exists (select from pg_depend as i where i.classid = 'pg_proc'::regclass and i.objid = o.oid and i.deptype = 'i')`,
  );
  const aggregates = await readAggregates(reader);
  return rows.map((row) => routineOf(reader, row, privileges.get(row.oid) ?? [], aggregates));
}

function routineOf(
  reader: CatalogReader,
  row: RoutineRow,
  privileges: readonly Privilege[],
  aggregates: ReadonlyMap<number, string>,
): RoutineObject {
  const kind = KINDS[row.kind] ?? 'function';
  const definition =
    row.definition?.replace(/^CREATE OR REPLACE /, 'CREATE ').trimEnd() ?? aggregates.get(row.oid) ?? '';
  const signature = row.signature.replace(/\(\)$/, kind === 'aggregate' ? '(*)' : '()');
  return {
    kind,
    key: `routine ${signature}`,
    address: `pg_proc:${row.oid}`,
    schema: row.schema,
    signature,
    isSecurityDefiner: row.security_definer,
    owner: row.owner,
    comment: reader.comment('pg_proc', row.oid),
    privileges,
    definition: kind === 'aggregate' ? `CREATE AGGREGATE ${signature} (${definition})` : definition,
  };
}

type AggregateRow = Row & Record<string, string | number | boolean | null>;

const MODIFY: Readonly<Record<string, string>> = {
  r: 'READ_ONLY',
  s: 'SHAREABLE',
  w: 'READ_WRITE',
};

/** What stands between the parentheses of CREATE AGGREGATE. */
async function readAggregates(reader: CatalogReader): Promise<Map<number, string>> {
  const routine = (column: string) => `nullif(a.${column}::oid::int8, 0)::oid::regproc::text as ${column}`;
  const type = (column: string) =>
    `case when a.${column} <> 0 then format_type(a.${column}, null) end as ${column}`;
  const rows = await reader.rows<AggregateRow>(
    `select a.aggfnoid::oid as oid, a.aggkind::text as kind, ${type('aggtranstype')}, ${type('aggmtranstype')},
            ${[
              'aggtransfn',
              'aggfinalfn',
              'aggcombinefn',
              'aggserialfn',
              'aggdeserialfn',
              'aggmtransfn',
              'aggminvtransfn',
              'aggmfinalfn',
            ]
              .map(routine)
              .join(', ')},
            a.aggtransspace as sspace, a.aggmtransspace as msspace, a.agginitval as initcond, a.aggminitval as minitcond,
            a.aggfinalextra as extra, a.aggmfinalextra as mextra,
            to_jsonb(a) ->> 'aggfinalmodify' as modify, to_jsonb(a) ->> 'aggmfinalmodify' as mmodify,
            case when a.aggsortop <> 0 then (
              select 'operator(' || quote_ident(pn.nspname) || '.' || p.oprname || ')' from pg_operator as p
                join pg_namespace as pn on pn.oid = p.oprnamespace where p.oid = a.aggsortop) end as sortop,
            o.proparallel::text as parallel
       from pg_aggregate as a
       join pg_proc as o on o.oid = a.aggfnoid
       join pg_namespace as n on n.oid = o.pronamespace
      where ${isUsers('pg_proc')}`,
  );
  return new Map(rows.map((row) => [row['oid'] as number, aggregateText(row)]));
}

function aggregateText(row: AggregateRow): string {
  const literal = (text: unknown): string | null =>
    typeof text === 'string' ? `'${text.replaceAll("'", "''")}'` : null;
  const orderedSet = row['kind'] !== 'n';
  const usual = orderedSet ? 'w' : 'r';
  const modify = (value: unknown): string | null =>
    typeof value === 'string' && value !== usual ? (MODIFY[value] ?? null) : null;
  const parts: [string, unknown][] = [
    ['SFUNC', row['aggtransfn']],
    ['STYPE', row['aggtranstype']],
    ['SSPACE', row['sspace'] === 0 ? null : row['sspace']],
    ['FINALFUNC', row['aggfinalfn']],
    ['FINALFUNC_EXTRA', row['extra'] === true ? true : null],
    ['FINALFUNC_MODIFY', row['aggfinalfn'] === null ? null : modify(row['modify'])],
    ['COMBINEFUNC', row['aggcombinefn']],
    ['SERIALFUNC', row['aggserialfn']],
    ['DESERIALFUNC', row['aggdeserialfn']],
    ['INITCOND', literal(row['initcond'])],
    ['MSFUNC', row['aggmtransfn']],
    ['MINVFUNC', row['aggminvtransfn']],
    ['MSTYPE', row['aggmtranstype']],
    ['MSSPACE', row['msspace'] === 0 ? null : row['msspace']],
    ['MFINALFUNC', row['aggmfinalfn']],
    ['MFINALFUNC_EXTRA', row['mextra'] === true ? true : null],
    ['MFINALFUNC_MODIFY', row['aggmfinalfn'] === null ? null : modify(row['mmodify'])],
    ['MINITCOND', literal(row['minitcond'])],
    ['SORTOP', row['sortop']],
    ['PARALLEL', row['parallel'] === 's' ? 'SAFE' : row['parallel'] === 'r' ? 'RESTRICTED' : null],
    ['HYPOTHETICAL', row['kind'] === 'h' ? true : null],
  ];
  return parts
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => (value === true ? name : `${name} = ${String(value)}`))
    .join(', ');
}
