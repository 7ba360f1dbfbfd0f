import type { Connection } from '../db/connection.js';
import type { Batch } from '../queue/batches.js';
import type { QueueEvent } from '../queue/event.js';
import type { Attributes } from '../replica/table-attributes.js';
import type { RowSelection } from './row-selection.js';

/** One argument of a kind of handler, as `show-handlers` tells it. */
export interface HandlerArgument {
  readonly name: string;
  readonly summary: string;
  readonly isRequired?: true;
}

/** What handlers are told by the ini file of their node. */
export interface HandlerSettings {
  readonly obfuscatorKey?: string | undefined;
  /** Tells which shard this node is: one row with shard_nr and shard_count. */
  readonly shardInfoSql?: string | undefined;
  readonly shardHashFunc?: string | undefined;
}

/** For the handler of a table on another node: it is only looked at, nothing runs by it. */
export const ELSEWHERE: HandlerSettings = { obfuscatorKey: 'not known here' };

/** A kind of handler. One file each, listed in registry.ts. */
export interface HandlerSpec {
  readonly name: string;
  /** Other names under which it is found, such as those of Londiste. */
  readonly aliases?: readonly string[];
  /** What it does with a table, in a sentence or two. */
  readonly summary: string;
  /** Its own arguments, beside those of every handler. */
  readonly arguments: readonly HandlerArgument[];
  /** Words of a command line. */
  readonly example: string;
  /** True when the handler does something on a root too. Else a root does not store it: it has all rows as they are. */
  readonly worksOnRoot?: true;
  /**
   * Completes the arguments before a table is added or its handler changed, with what only this node's database knows.
   * Throws PC410.
   */
  complete?(args: Attributes, ports: CompletePorts): Promise<Attributes>;
  /** Makes the handler of one table. Pure. Throws PC410 for arguments that do not fit. */
  bind(args: HandlerArguments): TableHandler;
}

export interface CompletePorts {
  /** This node's database. */
  readonly local: Connection;
  readonly settings: HandlerSettings;
}

/** The arguments of one table's handler. The names are known, required ones are there. */
export interface HandlerArguments {
  /** Name of the table in the queue. */
  readonly tableName: string;
  readonly own: Attributes;
  readonly settings: HandlerSettings;
}

/** How one table is replicated on this node. What is left out is as without a handler. */
export interface TableHandler {
  /**
   * Which rows and columns of the provider are here, and what is made of them: copy, apply and compare all go by it.
   * `bindHandler` adds the arguments that every handler has (where, columns).
   */
  readonly selection?: RowSelection;
  /** True when a table of this name need not be here: no check, no triggers, no copy. */
  readonly needsNoTable?: true;
  /** True when the rows are not copied: the table is in sync at once. */
  readonly needsNoCopy?: true;
  /** Why the table is not what its provider's is, so that compare cannot look at it: a sentence. */
  readonly notComparable?: string;
  /** What a branch hands on of the table's events: as they came, or as `selection` makes them. */
  readonly forwards?: 'events' | 'selected rows';
  /**
   * The handler does everything with the table's events itself; apply does not see them. Called at the table's first
   * event in a batch, and again at the first after `finish`.
   */
  takeOver?(ports: TakeOverPorts): Promise<TakenEvents>;
}

export interface TakeOverPorts {
  /** The open transaction of the batch on this node: what is written in it is there exactly once. */
  readonly tx: Connection;
  readonly batch: Batch;
  readonly tableName: string;
  /** Its name in this database. */
  readonly destTable: string;
}

/**
 * The events of one table in one batch, in the hands of a handler. Throwing PC402, PC403 or PC410, or a server's error that is the
 * fault of the table, parks the table; nothing of the events since the last call is then kept. Everything else stops the batch.
 */
export interface TakenEvents {
  /** The table's events of one block in their order, TRUNCATE among them. */
  write(events: readonly QueueEvent[]): Promise<void>;
  /** The batch ends, or an event of the cascade (EXECUTE, …) comes that must find everything done. */
  finish(): Promise<void>;
}
