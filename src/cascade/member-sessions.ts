import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import { connectToNode } from './find-root.js';
import { type NodeLocation, readLocations } from './location.js';
import { type NodeInfo, requireNode } from './node-info.js';
import { readSubscribers, type Subscriber } from './subscriber.js';

export interface MemberSessionsOptions {
  readonly queueName: string;
  readonly localName: string;
  readonly local: Connection;
  readonly connect: Connect;
  /** For application_name. */
  readonly what: string;
  readonly signal?: AbortSignal | undefined;
}

/** A member as it says of itself now. */
export interface Member {
  readonly connection: Connection;
  readonly node: NodeInfo;
  readonly subscribers: readonly Subscriber[];
}

/**
 * The members of a cascade for a command that changes several of them: one session each, opened at the first use.
 * Nothing that was read is kept: every look is at the databases, so that a command that is repeated after a crash
 * sees what it has left.
 */
export class MemberSessions implements AsyncDisposable {
  readonly queueName: string;
  readonly localName: string;
  readonly signal: AbortSignal | undefined;
  readonly #options: MemberSessionsOptions;
  readonly #opened = new Map<string, Connection>();

  constructor(options: MemberSessionsOptions) {
    this.queueName = options.queueName;
    this.localName = options.localName;
    this.signal = options.signal;
    this.#options = options;
  }

  /** True for the session on the database of this node. */
  isLocal(connection: Connection): boolean {
    return connection === this.#options.local;
  }

  /** All members that this node knows of. */
  async locations(): Promise<NodeLocation[]> {
    return readLocations(this.#options.local, this.queueName);
  }

  /** Where a member is. Throws PC311 for a name that nobody has. */
  async location(nodeName: string): Promise<NodeLocation> {
    const locations = await this.locations();
    const found = locations.find((member) => member.nodeName === nodeName);
    if (found !== undefined) return found;
    throw new ReplicateError(
      'PC311',
      `The cascade of the queue "${this.queueName}" has no node "${nodeName}".`,
      { members: locations.map((member) => member.nodeName).join(' ') },
    );
  }

  /** A session on a member. Throws PC311 for an unknown name, PC200 and the like when it cannot be reached. */
  async connection(nodeName: string): Promise<Connection> {
    if (nodeName === this.localName) return this.#options.local;
    const opened = this.#opened.get(nodeName);
    if (opened?.isOpen === true) return opened;
    const { location } = await this.location(nodeName);
    const { connect, what, signal } = this.#options;
    const connection = await connectToNode(connect, nodeName, location, what, signal);
    this.#opened.set(nodeName, connection);
    return connection;
  }

  /** Looks at one member. Throws as `connection`, and PC300 when its database has no node of the queue. */
  async look(nodeName: string): Promise<Member> {
    const connection = await this.connection(nodeName);
    const node = await requireNode(connection, this.queueName);
    const subscribers = node.nodeType === 'leaf' ? [] : await readSubscribers(connection, this.queueName);
    return { connection, node, subscribers };
  }

  /**
   * Looks at all members that are not marked as dead. Those that cannot be reached are named, and those whose database
   * answers and has no node: one that was not made to the end, or that is dropped there already.
   */
  async lookAtAll(): Promise<{ seen: Member[]; unreachable: string[]; absent: string[] }> {
    const seen: Member[] = [];
    const unreachable: string[] = [];
    const absent: string[] = [];
    for (const { nodeName, isDead } of await this.locations()) {
      if (isDead) continue;
      try {
        seen.push(await this.look(nodeName));
      } catch (error) {
        if (!(error instanceof ReplicateError)) throw error;
        this.signal?.throwIfAborted();
        (error.code === 'PC300' ? absent : unreachable).push(nodeName);
      }
    }
    return { seen, unreachable, absent };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#opened.values()].map((connection) => connection.close()));
  }
}
