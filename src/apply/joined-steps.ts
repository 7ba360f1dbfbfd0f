import type { BatchStatement } from '../db/statement-batch.js';
import type { Step } from './step.js';

/** A step this small costs less than to be sent by itself. */
const MAX_STEP_CHARS = 20_000;
/** Steps of one statement: bounds what the server keeps of it. */
const MAX_MESSAGE_CHARS = 1_000_000;
/** A statement that is used so often is planned once; others each time. */
const MIN_USES_TO_KEEP_PLAN = 4;

/** True for a step that may be sent with others. */
export function isSmall(step: Step): boolean {
  return step.expected !== 'any' && canBeJoined(step) && sizeOf(step) <= MAX_STEP_CHARS;
}

/**
 * The statements that do small steps one after the other, as if each were sent alone, with many in one.
 *
 * They fail with the server's error for the first step that fails, with PC402 when a step touches another number of rows than
 * it must. Which step it was is not known: the caller rolls back to a savepoint and runs them one by one to learn it.
 */
export function* joinedStatements(steps: readonly Step[]): Generator<BatchStatement> {
  for (const message of messagesOf(steps)) {
    const kept = keptTexts(message);
    // As a setting, and not as a literal: rows do not belong into the server's log of failed statements.
    yield {
      text: "select pg_catalog.set_config('pgcascade.steps', $1, true)",
      values: [payloadOf(message, kept)],
    };
    yield { text: blockSql(kept) };
  }
}

/** What is given in lists is many rows, and a COPY is a message of its own. */
function canBeJoined({ input }: Step): boolean {
  return input.kind === 'json' || input.kind === 'none';
}

function sizeOf(step: Step): number {
  return step.text.length + jsonOf(step).reduce((sum, value) => sum + value.length, 0);
}

function jsonOf({ input }: Step): readonly string[] {
  return input.kind === 'json' ? input.values : [];
}

function* messagesOf(steps: readonly Step[]): Generator<readonly Step[]> {
  let message: Step[] = [];
  let chars = 0;
  for (const step of steps) {
    message.push(step);
    chars += sizeOf(step);
    if (chars < MAX_MESSAGE_CHARS) continue;
    yield message;
    message = [];
    chars = 0;
  }
  if (message.length > 0) yield message;
}

function keptTexts(steps: readonly Step[]): string[] {
  const uses = new Map<string, number>();
  for (const { text } of steps) uses.set(text, (uses.get(text) ?? 0) + 1);
  return [...uses].filter(([, count]) => count >= MIN_USES_TO_KEEP_PLAN).map(([text]) => text);
}

/** `k`: which of the kept texts, or `t`: the text; `e`: the rows expected; `a`, `b`: the parameters. */
function payloadOf(steps: readonly Step[], kept: readonly string[]): string {
  const places = new Map(kept.map((text, i) => [text, i]));
  const parts = steps.map((step) => {
    const { text, expected } = step;
    const [a = 'null', b = 'null'] = jsonOf(step);
    const place = places.get(text);
    const statement = place === undefined ? `"t":${JSON.stringify(text)}` : `"k":${place}`;
    return `{${statement},"e":${expected},"a":${a},"b":${b}}`;
  });
  return `[${parts.join(',')}]`;
}

function blockSql(kept: readonly string[]): string {
  const cases = kept.map((text, i) => `when ${i} then ${staticSql(text)};`);
  const body = `
declare
    pgc_step record;
    pgc_count pg_catalog.int8;
begin
    for pgc_step in
        select p.k, p.t, p.e, p.a, p.b
          from pg_catalog.json_to_recordset(pg_catalog.current_setting('pgcascade.steps')::pg_catalog.json)
               as p(k pg_catalog.int4, t pg_catalog.text, e pg_catalog.int8, a pg_catalog.json, b pg_catalog.json)
    loop
        case coalesce(pgc_step.k, -1)
            when -1 then execute pgc_step.t using pgc_step.a, pgc_step.b;
            ${cases.join('\n            ')}
        end case;
        get diagnostics pgc_count = row_count;
        if pgc_count <> pgc_step.e then
            raise exception using errcode = 'PC402', message = 'a change touched another number of rows than it must';
        end if;
    end loop;
    perform pg_catalog.set_config('pgcascade.steps', '', true);
end`;
  return `do language plpgsql ${dollarQuoted(body)}`;
}

/** The statement as PL/pgSQL runs it with a kept plan. */
function staticSql(text: string): string {
  return text
    .replace(/^select /, 'perform ')
    .replaceAll('($1::pg_catalog.json)', '(pgc_step.a)')
    .replaceAll('($2::pg_catalog.json)', '(pgc_step.b)');
}

function dollarQuoted(text: string): string {
  let tag = '$pgc$';
  while (text.includes(tag)) tag = `${tag.slice(0, -1)}c$`;
  return `${tag}${text}${tag}`;
}
