import type { Connection } from '../../src/db/connection.js';

/** One statement or several of one implicit transaction, as an application sends them; or something that is not only SQL on the root. */
export type Step =
  | string
  /** Statements that the server must refuse, each by itself. */
  | { readonly refused: string }
  /** COPY … FROM STDIN with this data. */
  | { readonly copy: string; readonly data: string }
  /** A change of the schema: the leaf catches up, then the statements run on the leaf and then on the root. */
  | { readonly onBoth: string }
  | { readonly run: (tools: StepTools) => Promise<void> };

export interface StepTools {
  /** The session that the case's statements run in. */
  readonly application: Connection;
  /** One more session of the application on the root. The caller closes it. */
  readonly open: () => Promise<Connection>;
  /** Ends the batch that the leaf reads next. */
  readonly tick: () => Promise<unknown>;
}

/**
 * Tables and what an application does with them. Each case has a schema of its own, which is made for it and is first in the
 * search_path, then `public`, which has hstore and citext. `%S.` in any text stands for that schema.
 */
export interface TortureCase {
  /** A sentence's subject: what is replicated exactly. */
  readonly name: string;
  /** Oldest major version of both servers. */
  readonly since?: number;
  /** Oldest major version of the root's server. */
  readonly rootSince?: number;
  /** The tables of one schema for several cases with the same setup: this condition picks those rows of each that are the case's. */
  readonly shared?: { readonly schema: string; readonly rows: string };
  /** Run on both sides, before replication begins; so rows are equal. All tables of the schema are replicated then. */
  readonly setup: string;
  /** Run on the root only, after `setup`: triggers and functions that the replica does not have. */
  readonly rootSetup?: string;
  /** Statements that set the application's session, each run by itself before the steps. */
  readonly session?: readonly string[];
  readonly steps: readonly Step[];
  /** True when the rows are the same after the steps. Else a case that changes nothing fails. */
  readonly changesNothing?: boolean;
}

/** The schema of a case. */
export function schemaOf({ name, shared }: TortureCase): string {
  if (shared !== undefined) return shared.schema;
  const words = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_+|_+$/g, '');
  return `t_${words}`.slice(0, 60);
}

/** A text of the case with its schema's name put in. */
export function withSchema(torture: TortureCase, text: string): string {
  return text.replaceAll('%S.', `${schemaOf(torture)}.`);
}
