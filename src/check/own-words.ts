import type { Connection } from '../db/connection.js';
import { canonicalView } from '../schema/plan-objects.js';
import { type Candidate, type Doubt, type Finding, isAlike } from './finding.js';
import { plainSpelling } from './spelling.js';

/**
 * Takes out the findings whose two texts this node's server writes in the same words: versions, and a dump that was restored, write one
 * expression in several ways. Leaves nothing behind: everything is made in temporary schemas and rolled back.
 *
 * Where the server does not take a text, or our role may make no temporary objects, the finding stays.
 */
export async function withoutDoubts(
  connection: Connection,
  candidates: readonly Candidate[],
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { doubt, ...finding } of candidates) {
    if (doubt !== undefined && (await saysTheSame(connection, doubt))) continue;
    findings.push(finding);
  }
  return findings;
}

async function saysTheSame(connection: Connection, doubt: Doubt): Promise<boolean> {
  const [there, here] =
    doubt.kind === 'expressions'
      ? [await inOwnWords(connection, doubt, doubt.there), await inOwnWords(connection, doubt, doubt.here)]
      : [
          await inOwnWords(connection, doubt, [doubt.there]),
          await inOwnWords(connection, doubt, [doubt.here]),
        ];
  // A trigger's function, or what a rule writes to, may be nothing that our role may use: then the texts are all there is.
  const isActing = doubt.kind === 'trigger' || doubt.kind === 'rule' || doubt.kind === 'statistics';
  if (there === undefined && here === undefined && isActing) return isAlike(doubt.there, doubt.here);
  if (there === undefined || here === undefined) return false;
  return there === here || plainSpelling(there) === plainSpelling(here);
}

/** The texts as the server of `connection` writes them; undefined when it does not take them. */
async function inOwnWords(
  connection: Connection,
  doubt: Doubt,
  texts: readonly string[],
): Promise<string | undefined> {
  const [text = ''] = texts;
  if (doubt.kind === 'view') return canonicalView(connection, text);
  if (doubt.kind === 'expressions') {
    const list = texts.map((one, index) => `(${one}\n) as x${index}`).join(', ');
    return canonicalView(
      connection,
      `select ${list}${doubt.table === null ? '' : ` from only ${doubt.table}`}`,
    );
  }
  const make = makeSql(doubt.kind, text, connection.serverVersion);
  const read = READ[doubt.kind];
  await connection.execute('begin');
  try {
    await connection.execute(`create temporary table pgcascade_table (like ${doubt.table})`);
    await connection.execute(make);
    const { text: written } = await connection.one<{ text: string }>(`select ${read} as text`);
    return written;
  } catch (error) {
    // Something that it needs is not here: then it is not equal to what is.
    if (!connection.isOpen) throw error;
    return undefined;
  } finally {
    if (connection.isOpen) await connection.execute('rollback');
  }
}

const TABLE = 'pg_temp.pgcascade_table';
const FUNCTION_SINCE = 110_000;

type TablePart = Exclude<Doubt['kind'], 'view' | 'expressions'>;

function makeSql(kind: TablePart, text: string, serverVersion: number): string {
  switch (kind) {
    case 'index':
      return `create index pgcascade_part on ${TABLE} ${text}`;
    case 'constraint':
      return `alter table ${TABLE} add constraint pgcascade_part ${text}`;
    default: {
      // The first of these words are ours: what stands before them is no name of the user's.
      const made = text.replace('NAME', 'pgcascade_part').replace('PLACE', () => TABLE);
      return kind === 'trigger' && serverVersion < FUNCTION_SINCE
        ? made.replace(/ EXECUTE FUNCTION (?!.* EXECUTE FUNCTION )/s, ' EXECUTE PROCEDURE ')
        : made;
    }
  }
}

const READ: Readonly<Record<TablePart, string>> = {
  index: `pg_get_indexdef('pg_temp.pgcascade_part'::regclass)`,
  constraint: `(select pg_get_constraintdef(k.oid) from pg_constraint as k where k.conrelid = '${TABLE}'::regclass and k.conname = 'pgcascade_part')`,
  trigger: `(select pg_get_triggerdef(t.oid) from pg_trigger as t where t.tgrelid = '${TABLE}'::regclass and t.tgname = 'pgcascade_part')`,
  rule: `(select pg_get_ruledef(r.oid) from pg_rewrite as r where r.ev_class = '${TABLE}'::regclass and r.rulename = 'pgcascade_part')`,
  statistics: `(select pg_get_statisticsobjdef(e.oid) from pg_statistic_ext as e where e.stxrelid = '${TABLE}'::regclass)`,
};
