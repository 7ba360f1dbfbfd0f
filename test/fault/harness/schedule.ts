import type { WorkloadTable } from './workload-tables.js';

/** The nodes of the tree that faults happen to: leaf reads from branch, branch and side from root. */
export const NODE_NAMES = ['root', 'branch', 'leaf', 'side'] as const;
export type NodeName = (typeof NODE_NAMES)[number];
export const REPLICAS = ['branch', 'leaf', 'side'] as const;
export type Replica = (typeof REPLICAS)[number];

export type ProgramKind = 'worker' | 'ticker';

/** When a step happens, counted from the step before it. A condition that does not come is not waited for long. */
export type Moment =
  | { readonly kind: 'now' }
  /** So many more transactions of the application have been acknowledged. */
  | { readonly kind: 'transactions'; readonly count: number }
  /** The node's worker is in the middle of a batch. */
  | { readonly kind: 'in-batch'; readonly node: Replica }
  /** The node is copying a table, or a copy catches up. */
  | { readonly kind: 'copying'; readonly node: Replica };

/** What happens. `ms`: how long it lasts; the next step does not wait for its end. */
export type Fault =
  | { readonly kind: 'kill'; readonly node: NodeName; readonly program: ProgramKind }
  | { readonly kind: 'terminate'; readonly node: NodeName; readonly program: ProgramKind }
  /** SIGSTOP, and SIGCONT after the time. */
  | { readonly kind: 'freeze'; readonly node: NodeName; readonly program: ProgramKind; readonly ms: number }
  /** The program is away for so long. */
  | { readonly kind: 'absent'; readonly node: NodeName; readonly program: ProgramKind; readonly ms: number }
  /** A second program for the same node, with a pidfile of its own. */
  | { readonly kind: 'second'; readonly node: NodeName; readonly program: ProgramKind; readonly ms: number }
  /** The worker is killed at a failpoint that it passes for the `time`th time after it was started anew. */
  | {
      readonly kind: 'failpoint';
      readonly node: Replica;
      readonly name: string;
      readonly time: number;
    }
  | { readonly kind: 'kill-server'; readonly node: NodeName; readonly ms: number }
  | { readonly kind: 'restart-server'; readonly node: NodeName }
  /** pg_terminate_backend for our programs' sessions: all, or one of them. */
  | { readonly kind: 'backends'; readonly node: NodeName; readonly all: boolean }
  /** `to` may be the node itself: its worker's own database. */
  | { readonly kind: 'refuse'; readonly node: NodeName; readonly to: NodeName; readonly ms: number }
  | { readonly kind: 'cut'; readonly node: NodeName; readonly to: NodeName }
  | {
      readonly kind: 'delay';
      readonly node: NodeName;
      readonly to: NodeName;
      readonly ms: number;
      readonly byMs: number;
    }
  | {
      readonly kind: 'silent';
      readonly node: NodeName;
      readonly to: NodeName;
      readonly ms: number;
      readonly afterBytes: number;
      readonly heals: boolean;
    }
  | {
      readonly kind: 'lose-answer';
      readonly node: NodeName;
      readonly to: NodeName;
      readonly request: string;
      readonly ms: number;
    }
  /** Somebody else has the table. */
  | { readonly kind: 'lock'; readonly node: NodeName; readonly table: string; readonly ms: number }
  /** A transaction that has written is left open on the root. */
  | { readonly kind: 'long-transaction'; readonly ms: number }
  /** Somebody holds a snapshot. */
  | { readonly kind: 'held-snapshot'; readonly node: NodeName; readonly ms: number }
  /** All connections of the server are used up, also those reserved for superusers. `cuts`: our programs' sessions are ended too. */
  | {
      readonly kind: 'max-connections';
      readonly node: NodeName;
      readonly ms: number;
      readonly cuts: boolean;
    }
  /** The file system of the server's data has so many bytes left. `endsServer`: its write-ahead log has to grow. */
  | {
      readonly kind: 'disk-full';
      readonly node: NodeName;
      readonly ms: number;
      readonly spareBytes: number;
      readonly endsServer: boolean;
    }
  /** Every commit of the server takes so much longer, and again and again all its processes stand still for a while. */
  | {
      readonly kind: 'slow-disk';
      readonly node: NodeName;
      readonly ms: number;
      readonly commitMs: number;
      readonly stallMs: number;
    }
  /** The program's wall clock is again and again by so much wrong, forwards or backwards, and then right. */
  | {
      readonly kind: 'clock';
      readonly node: NodeName;
      readonly program: ProgramKind;
      readonly ms: number;
      readonly byMs: number;
    }
  /** Of root and branch, the one that is no root takes the place of the other, and the application follows it. Killed, it is repeated. */
  | { readonly kind: 'takeover'; readonly killAfterMs?: number }
  /**
   * A column or an index comes, and goes after the time: by `execute` or by hand on each node, there `rootFirst` or last. By hand what
   * goes goes on the root first.
   */
  | {
      readonly kind: 'ddl';
      readonly how: 'execute' | 'by hand';
      readonly what: 'column' | 'index';
      readonly table: WorkloadTable;
      readonly rootFirst: boolean;
      readonly ms: number;
    }
  /** `replicate INI words`; killed after `killAfterMs`, when that is given. */
  | {
      readonly kind: 'command';
      readonly node: NodeName;
      readonly words: readonly string[];
      readonly killAfterMs?: number;
    };

export interface Step {
  readonly when: Moment;
  readonly fault: Fault;
}

/** What is done to the tree, and what an application does meanwhile. Both follow from the seed; the server's scheduling does not. */
export interface Schedule {
  readonly seed: number;
  readonly steps: readonly Step[];
}

/** One line for a person. */
export function describeStep({ when, fault }: Step): string {
  const { kind, ...facts } = fault;
  const { kind: moment, ...condition } = when;
  const words = Object.values({ ...facts })
    .flat()
    .join(' ');
  const conditions = Object.values(condition).join(' ');
  return `${moment === 'now' ? '' : `[${moment} ${conditions}] `}${kind} ${words}`;
}

/** Reads the JSON of a schedule. Throws a plain error when it is none. */
export function parseSchedule(text: string): Schedule {
  const { seed, steps } = JSON.parse(text) as Partial<Schedule>;
  if (typeof seed !== 'number' || !Array.isArray(steps)) throw new Error('A schedule has a seed and steps.');
  return { seed, steps };
}
