import { type QualifiedName, quoteIdentifier, quoteLiteral } from '../db/identifier.js';

/** The statements that make one object, apart by what they are about. */
export interface ObjectStatements {
  readonly create: readonly string[];
  /** What takes from a new object of ours the rights that default privileges of our role have given it, so that it has those of any new object. */
  readonly plain: readonly string[];
  readonly owner: readonly string[];
  readonly comments: readonly string[];
  readonly grants: readonly string[];
  /** What of it the target cannot have, and what is made instead: sentences without a full stop. */
  readonly notes: readonly string[];
  /** Why the target cannot have it at all, or must not. Nothing is to be run then. */
  readonly refused: string | undefined;
}

/** All statements in the order in which they are to be run. */
export function allStatements(made: ObjectStatements): string[] {
  const { create, plain, owner, comments, grants, refused } = made;
  return refused === undefined ? [...create, ...plain, ...owner, ...comments, ...grants] : [];
}

export function sqlName({ schema, name }: QualifiedName): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** `name = 'value'` of what a catalog holds as `name=value`. */
export function sqlOption(option: string): string {
  const at = option.indexOf('=');
  const name = option.slice(0, at);
  const quoted = name
    .split('.')
    .map((part) => quoteIdentifier(part))
    .join('.');
  return `${quoted} = ${quoteLiteral(option.slice(at + 1))}`;
}

/** Whether `name=value` of a catalog is this name with a value that PostgreSQL takes for true. */
export function isOn(option: string, name: string): boolean {
  const at = option.indexOf('=');
  return (
    option.slice(0, at) === name && !/^(?:0|no?|off?|f(?:a(?:l(?:se?)?)?)?)$/i.test(option.slice(at + 1))
  );
}

/** `comment on <object> is …`, or nothing. */
export function commentStatements(object: string, comment: string | null): string[] {
  return comment === null ? [] : [`COMMENT ON ${object} IS ${quoteLiteral(comment).trimStart()}`];
}

/** What one version of PostgreSQL does not know yet. */
export class Lacks {
  readonly notes: string[] = [];
  readonly #version: number;

  constructor(version: number) {
    this.#version = version;
  }

  /** True when the target is older than `major`; `note` is kept then. */
  before(major: number, note?: string): boolean {
    if (this.#version >= major * 10_000) return false;
    if (note !== undefined) this.notes.push(`${note} (known from PostgreSQL ${major} on)`);
    return true;
  }
}
