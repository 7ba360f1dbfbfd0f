import type { Connection } from '../db/connection.js';

export type CompareVerdict = 'equal' | 'different' | 'not checked';

/** What the last compare of a table or sequence found. */
export interface CompareResult {
  readonly name: string;
  readonly tick: bigint;
  /** As PostgreSQL's text. */
  readonly comparedAt: string;
  readonly verdict: CompareVerdict;
  /** `all`, or what part of it was compared. */
  readonly scope: string;
  /** What differs in numbers, or why it was not checked. */
  readonly detail: string | null;
}

/** Records results on this node, in one transaction. May be repeated: the last one stays. */
export async function writeCompareResults(
  connection: Connection,
  queueName: string,
  results: readonly Omit<CompareResult, 'comparedAt'>[],
): Promise<void> {
  await connection.query(
    `select pgcascade.set_compare_result($1, r.name, r.tick, r.verdict, r.scope, r.detail)
       from unnest($2::text[], $3::int8[], $4::text[], $5::text[], $6::text[]) as r(name, tick, verdict, scope, detail)`,
    [
      queueName,
      results.map(({ name }) => name),
      results.map(({ tick }) => tick),
      results.map(({ verdict }) => verdict),
      results.map(({ scope }) => scope),
      results.map(({ detail }) => detail),
    ],
  );
}

/** The last results of what is replicated on this node, by name; none where the installed SQL does not keep them. */
export async function readCompareResults(
  connection: Connection,
  queueName: string,
): Promise<CompareResult[]> {
  const { known } = await connection.one<{ known: boolean }>(
    "select to_regprocedure('pgcascade.compare_results(text)') is not null as known",
  );
  if (!known) return [];
  return connection.query<CompareResult & Record<string, unknown>>(
    `select object_name as name, tick_id as tick, date_trunc('second', compared_at)::text as "comparedAt", verdict, scope, detail
       from pgcascade.compare_results($1)`,
    [queueName],
  );
}
