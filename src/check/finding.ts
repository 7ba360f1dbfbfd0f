import { plainSpelling } from './spelling.js';

/**
 * `blocks`: replication cannot go on, or cannot be right, once a row meets it. `differs`: replication goes on, but this node is not
 * what its provider is. `hint`: good to know, and no reason not to go on.
 */
export type Severity = 'blocks' | 'differs' | 'hint';

/** What mends something, and on which node it is to be run: SQL, or a command of `replicate`. */
export interface Mend {
  readonly node: string;
  readonly statements: readonly string[];
}

/** One thing that is not as it should be. */
export interface Finding {
  readonly severity: Severity;
  /** What kind of thing: `column`, `type`, `index`, `rights`, `setting`, … */
  readonly what: string;
  /** Missing or extra on this node, different on both, or a hindrance of one node by itself. */
  readonly difference: 'missing' | 'extra' | 'different' | 'hindrance';
  /** The table's name in the queue; null where it is of no replicated table. */
  readonly table: string | null;
  /** The thing itself: `column note`, `index public.orders_by_day`. */
  readonly object: string;
  /** The node that has it. */
  readonly node: string;
  /** A sentence without a full stop, for a person who has not seen the two databases. */
  readonly message: string;
  readonly mend: Mend | undefined;
}

/** Two texts that may say the same: the server that is to have the first knows. */
export type Doubt =
  | {
      readonly kind: 'expressions';
      /** The table whose columns they name, as SQL; null: they name none. */
      readonly table: string | null;
      readonly there: readonly string[];
      readonly here: readonly string[];
    }
  | {
      /** What follows the table in CREATE INDEX, or a whole constraint. */
      readonly kind: 'index' | 'constraint';
      readonly table: string;
      readonly there: string;
      readonly here: string;
    }
  | {
      /** The statement that makes it, on `PLACE` instead of the table and called `NAME`. */
      readonly kind: 'trigger' | 'rule' | 'statistics';
      readonly table: string;
      readonly there: string;
      readonly here: string;
    }
  | { readonly kind: 'view'; readonly there: string; readonly here: string };

/** A finding that is none when its doubt turns out to be about words only. */
export interface Candidate extends Finding {
  readonly doubt?: Doubt | undefined;
}

/** Two versions write the same expression with other parentheses and casts to text. */
export function isAlike(there: string, here: string): boolean {
  return bare(there) === bare(here);
}

function bare(text: string): string {
  return plainSpelling(text).replaceAll(/[\s()]|:: ?text\b(?: ?\[ ?\])?/g, '');
}

/** Whether something cannot be made because this version does not know it, so that nothing can be done. */
export function isOfVersion(refusal: string): boolean {
  return refusal.startsWith('PostgreSQL before ');
}

const LONGEST = 300;

/** A definition in a sentence. */
export function shown(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  return line.length > LONGEST ? `${line.slice(0, LONGEST)}…` : line;
}
