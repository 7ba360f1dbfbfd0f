import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultTree } from './fault-tree.js';
import { lookAtInvariants } from './invariants.js';
import { NODE_NAMES, type NodeName } from './schedule.js';
import { SequenceWatch } from './sequences.js';

const PAUSE_MS = 250;

/** Looks at the invariants on every node, all the time; nodes that are away are looked at again. */
export class Watcher {
  readonly #tree: FaultTree;
  readonly #violate: (text: string) => void;
  readonly #ending = new AbortController();
  readonly #loops: Promise<void>[];
  /** Looks that came to an end, of each node. */
  readonly looks = new Map<NodeName, number>();
  checked = 0;
  /** A takeover sets the sequences of the root that it makes, also backwards: replicas are ahead. */
  sequencesMayGoBack = false;

  /** Starts looking. */
  constructor(tree: FaultTree, violate: (text: string) => void) {
    this.#tree = tree;
    this.#violate = violate;
    this.#loops = NODE_NAMES.map((node) => this.#watch(node));
  }

  async stop(): Promise<void> {
    this.#ending.abort();
    await Promise.all(this.#loops);
  }

  async #watch(name: NodeName): Promise<void> {
    while (!this.#ending.signal.aborted) {
      try {
        await using connection = await this.#tree.node(name).connect();
        const sequences = new SequenceWatch(connection);
        while (!this.#ending.signal.aborted) {
          const { violations, checked } = await lookAtInvariants(connection, this.#tree.queue);
          this.looks.set(name, (this.looks.get(name) ?? 0) + 1);
          this.checked += checked;
          for (const text of violations) this.#violate(`${name}: ${text}`);
          const wentBack = await sequences.look();
          if (!this.sequencesMayGoBack) for (const text of wentBack) this.#violate(`${name}: ${text}`);
          await this.#pause();
        }
      } catch {
        // The server is away, or somebody has a table for long.
        await this.#pause();
      }
    }
  }

  async #pause(): Promise<void> {
    await sleep(PAUSE_MS, undefined, { signal: this.#ending.signal }).catch(() => undefined);
  }
}
