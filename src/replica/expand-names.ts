/** The names that a person typed, as names of the queue. */
export interface ExpandedNames {
  /** Full names, each once, in the order they were asked for. */
  readonly names: readonly string[];
  /** Arguments that match nothing. */
  readonly unknown: readonly string[];
}

/**
 * Finds what a person means: a full name, a name in schema `public`, a pattern with `*` and `?`, a name quoted as in
 * SQL. `candidates` are full names without quotes.
 *
 * The exact name counts first, so `Mixed.Case` is the table "Case" of schema "Mixed" when there is one, else the
 * table "Mixed.Case" of `public`. Last, as SQL does with unquoted names, it looks for the name in lower case.
 */
export function expandNames(args: readonly string[], candidates: readonly string[]): ExpandedNames {
  const known = new Set(candidates);
  const names = new Set<string>();
  const unknown: string[] = [];
  for (const arg of args) {
    const found = findNames(arg, candidates, known);
    if (found.length === 0) unknown.push(arg);
    for (const name of found) names.add(name);
  }
  return { names: [...names], unknown };
}

/** A typed name as a full name without quotes, whether such a thing exists or not. */
export function literalName(arg: string): string {
  const unquoted = unquote(arg);
  if (unquoted !== undefined) return unquoted;
  return arg.includes('.') ? arg : `public.${arg}`;
}

/** True for an argument that may stand for several names. */
export function isPattern(arg: string): boolean {
  return /[*?]/.test(arg) && unquote(arg) === undefined;
}

function findNames(
  arg: string,
  candidates: readonly string[],
  known: ReadonlySet<string>,
): readonly string[] {
  const unquoted = unquote(arg);
  if (unquoted !== undefined) return known.has(unquoted) ? [unquoted] : [];
  for (const name of [arg, `public.${arg}`]) {
    if (known.has(name)) return [name];
  }
  if (isPattern(arg)) {
    const matcher = patternMatcher(literalName(arg));
    return candidates.filter((name) => matcher.test(name));
  }
  const folded = arg.toLowerCase();
  return [folded, `public.${folded}`].filter((name) => known.has(name)).slice(0, 1);
}

function patternMatcher(pattern: string): RegExp {
  const source = pattern
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return new RegExp(`^${source}$`, 's');
}

const PART = /"(?:[^"]|"")+"|[^".]+/;
const QUOTED = new RegExp(`^(?:(${PART.source})\\.)?(${PART.source})$`);

/** The full name when a part of it is quoted as in SQL; unquoted parts are folded to lower case, as SQL does. */
function unquote(arg: string): string | undefined {
  if (!arg.includes('"')) return undefined;
  const [, schema, name] = QUOTED.exec(arg) ?? [];
  if (name === undefined) return undefined;
  return `${schema === undefined ? 'public' : unquotePart(schema)}.${unquotePart(name)}`;
}

function unquotePart(part: string): string {
  return part.startsWith('"') ? part.slice(1, -1).replaceAll('""', '"') : part.toLowerCase();
}
