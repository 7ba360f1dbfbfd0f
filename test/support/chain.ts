import type { TestNode } from './test-node.js';
import { openTree, type Tree } from './tree.js';
import { waitUntilSeen } from './wait-until.js';

export interface ChainOptions {
  /** Major version of the root's server. */
  readonly from: number;
  /** Major version of the leaf's server. */
  readonly to: number;
  /** As in `TreeOptions`. */
  readonly tables?: string;
  readonly rows?: string;
  readonly ini?: readonly string[];
  readonly ownServers?: boolean;
}

/** The smallest tree: a root and a leaf. */
export class Chain implements AsyncDisposable {
  readonly root: TestNode;
  readonly leaf: TestNode;
  readonly #tree: Tree;

  /** Use `openChain`. */
  constructor(tree: Tree) {
    this.#tree = tree;
    this.root = tree.node('root');
    this.leaf = tree.node('leaf');
  }

  get folder(): string {
    return this.#tree.folder;
  }

  /** Waits until the leaf has all that is committed on the root now, and every table that the leaf has is `ok`. */
  async caughtUp(timeoutMs = 60_000): Promise<void> {
    await this.#tree.caughtUp(this.root, [this.leaf], timeoutMs);
  }

  /** One line per table that is not the same on root and leaf. */
  async differences(): Promise<string[]> {
    return this.#tree.differences(this.root, this.leaf);
  }

  /** Waits until the leaf has so many foreign keys that are valid, and none is saved for later. */
  async foreignKeysBack(count: number): Promise<void> {
    await waitUntilSeen(
      `the leaf has ${count} valid foreign keys`,
      async () => {
        const [seen] = await this.leaf.query<{ valid: bigint; pending: bigint }>(
          `select (select count(*) from pg_constraint where contype = 'f' and convalidated
                     and connamespace = 'public'::regnamespace) as valid,
                  (select count(*) from londiste.pending_fkeys) as pending`,
        );
        return seen;
      },
      (seen) => seen?.valid === BigInt(count) && seen.pending === 0n,
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#tree[Symbol.asyncDispose]();
  }
}

/** Sets up root and leaf, with ticker and workers running. With `tables` all of them are added and in sync. */
export async function openChain({ from, to, ...options }: ChainOptions): Promise<Chain> {
  const nodes = { root: { major: from }, leaf: { major: to, provider: 'root' } };
  return new Chain(await openTree({ nodes, ...options }));
}
