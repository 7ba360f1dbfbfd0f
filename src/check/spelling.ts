/** A word, literal or sign of SQL, or what stands in parentheses. */
type Item = string | readonly Item[];

const TOKEN =
  /[Ee]?'(?:[^']|'')*'|"(?:[^"]|"")*"|[\p{L}_][\p{L}\p{N}_$]*|\d[\w.]*|::|[(),;[\].]|[^\s\w(),;[\].'"]+/gu;

/**
 * One way to write an expression that servers write in several: since PostgreSQL 14 `EXTRACT(year FROM a)`, `(a AT TIME ZONE 'utc')`,
 * `SUBSTRING(a FROM 1)` and the like stay as they were typed, where before they were calls of functions; `CURRENT_USER` had to be cast to
 * text; parentheses around one thing come and go. All others keep what they hold together. Pure.
 */
export function plainSpelling(text: string): string {
  const tokens = (text.match(TOKEN) ?? []).map(unquoted);
  const whole = single(rewritten(tree(tokens, { at: 0 })));
  const items = typeof whole === 'string' ? [whole] : whole;
  // EXTRACT is numeric since 14, and a constant that it is compared with is cast to what it gives.
  const cast = has(items, 'date_part') ? withoutCasts(items, ['numeric', 'double']) : items;
  // What such a call takes as text is cast where it is written as a function.
  return print(TEXT_FUNCTIONS.some((name) => has(items, name)) ? withoutCasts(cast, ['text']) : cast);
}

const TEXT_FUNCTIONS = ['substring', 'overlay', 'position', 'btrim', 'ltrim', 'rtrim'];

function unquoted(token: string): string {
  return /^"[a-z_][a-z0-9_]*"$/.test(token) ? token.slice(1, -1) : token;
}

function tree(tokens: readonly string[], place: { at: number }): Item[] {
  const items: Item[] = [];
  while (place.at < tokens.length) {
    const token = tokens[place.at++] as string;
    if (token === ')') return items;
    items.push(token === '(' ? tree(tokens, place) : token);
  }
  return items;
}

function rewritten(items: readonly Item[]): readonly Item[] {
  const inner = items.flatMap((item) =>
    typeof item === 'string' ? [item] : spliced(single(rewritten(item))),
  );
  const found: Item[] = [];
  for (let at = 0; at < inner.length; at++) {
    const item = inner[at] as Item;
    const next = inner[at + 1];
    const syntax = typeof item === 'string' && Array.isArray(next) ? SYNTAX[item]?.(next) : undefined;
    if (syntax !== undefined) {
      found.push(...syntax);
      at++;
    } else if (item === 'CURRENT_USER' && next === '::' && inner[at + 2] === 'text') {
      found.push(item);
      at += 2;
    } else {
      found.push(item);
    }
  }
  const zone = found.findIndex(
    (item, at) => item === 'AT' && found[at + 1] === 'TIME' && found[at + 2] === 'ZONE',
  );
  if (zone > 0) return ['timezone', call(found.slice(zone + 3), found.slice(0, zone))];
  const overlaps = found.indexOf('OVERLAPS');
  if (overlaps > 0) {
    const spans = [found[overlaps - 1], found[overlaps + 1]].map((span) => (Array.isArray(span) ? span : []));
    found.splice(overlaps - 1, 3, 'overlaps', joined(spans));
  }
  const args = split(found, [',']);
  return args.length > 1 ? joined(args) : found;
}

/** A call needs no parentheses around it: functions are written small, what is no function is not. */
function spliced(item: Item): readonly Item[] {
  if (typeof item === 'string') return [item];
  const [name, args] = item;
  const isCall = item.length === 2 && typeof name === 'string' && /^[a-z_]/.test(name) && Array.isArray(args);
  return isCall ? item : [item];
}

/** What is in parentheses by itself needs none. */
function single(items: readonly Item[]): Item {
  return items.length === 1 ? (items[0] as Item) : items;
}

/** The arguments of a call. */
function call(...args: readonly (readonly Item[])[]): Item {
  return single(joined(args));
}

/** Between commas, none are needed around the whole. */
function joined(args: readonly (readonly Item[])[]): readonly Item[] {
  return args.flatMap((arg, index) => {
    const [only] = arg;
    const isInParentheses =
      arg.length === 1 && only !== undefined && typeof only !== 'string' && !only.includes(',');
    return [...(index === 0 ? [] : [',']), ...(isInParentheses ? only : arg)];
  });
}

/** Words of SQL that stand for a function, with what is in their parentheses. */
const SYNTAX: Readonly<Record<string, (items: readonly Item[]) => readonly Item[] | undefined>> = {
  EXTRACT(items) {
    const [field, from, ...rest] = items;
    return typeof field === 'string' && from === 'FROM'
      ? ['date_part', call([`'${field}'`, '::', 'text'], rest)]
      : undefined;
  },
  SUBSTRING(items) {
    const parts = split(items, ['FROM', 'FOR']);
    return parts.length > 1 ? ['substring', call(...parts)] : undefined;
  },
  OVERLAY(items) {
    const parts = split(items, ['PLACING', 'FROM', 'FOR']);
    return parts.length > 2 ? ['overlay', call(...parts)] : undefined;
  },
  POSITION(items) {
    const [part, whole] = split(items, ['IN']);
    return part !== undefined && whole !== undefined ? ['position', call(whole, part)] : undefined;
  },
  TRIM(items) {
    const name = { BOTH: 'btrim', LEADING: 'ltrim', TRAILING: 'rtrim' }[String(items[0])];
    const [characters = [], text] = split(items.slice(1), ['FROM']);
    if (name === undefined || text === undefined) return undefined;
    return [name, characters.length === 0 ? call(text) : call(text, characters)];
  },
};

function split(items: readonly Item[], words: readonly string[]): (readonly Item[])[] {
  const parts: Item[][] = [[]];
  for (const item of items) {
    if (typeof item === 'string' && words.includes(item)) parts.push([]);
    else parts.at(-1)?.push(item);
  }
  return parts;
}

/** Without casts to some types: to a number only those of constants, which say no more. */
function withoutCasts(items: readonly Item[], types: readonly string[]): readonly Item[] {
  const found: Item[] = [];
  for (let at = 0; at < items.length; at++) {
    const item = items[at] as Item;
    found.push(typeof item === 'string' ? item : single(withoutCasts(item, types)));
    const type = items[at + 1] === '::' ? items[at + 2] : undefined;
    if (typeof type !== 'string' || !types.includes(type)) continue;
    if (type === 'text') at += 2;
    else if (typeof item === 'string' && /^'?\d/.test(item)) at += type === 'double' ? 3 : 2;
  }
  return found;
}

function has(items: readonly Item[], word: string): boolean {
  return items.some((item) => (typeof item === 'string' ? item === word : has(item, word)));
}

function print(items: readonly Item[]): string {
  return items.map((item) => (typeof item === 'string' ? item : `(${print(item)})`)).join(' ');
}
