import type { Connection } from '../db/connection.js';
import { canonicalView } from '../schema/plan-objects.js';
import type { Candidate, Doubt, Finding } from './finding.js';
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
  const make =
    doubt.kind === 'index'
      ? `create index pgcascade_part on pg_temp.pgcascade_table ${text}`
      : `alter table pg_temp.pgcascade_table add constraint pgcascade_part ${text}`;
  const read =
    doubt.kind === 'index'
      ? `pg_get_indexdef('pg_temp.pgcascade_part'::regclass)`
      : `(select pg_get_constraintdef(k.oid) from pg_constraint as k where k.conrelid = 'pg_temp.pgcascade_table'::regclass and k.conname = 'pgcascade_part')`;
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
