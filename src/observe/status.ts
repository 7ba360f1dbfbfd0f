import { readLocations } from '../cascade/location.js';
import { requireNode } from '../cascade/node-info.js';
import { type MemberView, readMembers } from '../cascade/topology.js';
import { withDeadline } from '../cascade/with-deadline.js';
import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { type Lag, readLags } from './lag.js';
import { type NodeStatus, readNodeStatus } from './node-status.js';

/** One member of the cascade in a status report. `provider` is null when nobody knows it. */
export type StatusEntry =
  | ({ readonly kind: 'seen'; readonly isLocal: boolean; readonly lag: Lag | null } & NodeStatus)
  | {
      readonly kind: 'unreachable';
      readonly name: string;
      readonly provider: string | null;
      readonly reason: string;
    }
  /** Its database answers and has no node: one that was not made to the end, or whose drop was not finished. */
  | { readonly kind: 'absent'; readonly name: string; readonly provider: string | null }
  /** A second name of a node that calls itself otherwise: a rename that was not finished. */
  | { readonly kind: 'alias'; readonly name: string; readonly provider: null; readonly nodeName: string }
  | { readonly kind: 'dead'; readonly name: string; readonly provider: string | null };

export interface StatusReport {
  readonly queueName: string;
  readonly localNode: string;
  readonly entries: readonly StatusEntry[];
  /** Everything that was asked could be looked at. */
  readonly isComplete: boolean;
}

export interface StatusOptions {
  readonly queueName: string;
  readonly localLocation: string;
  readonly connect: Connect;
  /** Longest look at one member. */
  readonly deadlineMs: number;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks at all members that this node knows of, at the same time, and then asks the root how far each is behind.
 * A member that cannot be reached is part of the report. Throws PC300 when this database has no node, PC200 when it does
 * not answer in time.
 */
export async function readStatus(local: Connection, options: StatusOptions): Promise<StatusReport> {
  const { queueName, localLocation, connect, deadlineMs, signal } = options;
  const { localNode, locations } = await withDeadline(local, deadlineMs, async () => ({
    localNode: (await requireNode(local, queueName)).nodeName,
    locations: await readLocations(local, queueName),
  }));
  const members = locations.map((member) =>
    // The ini file may know a shorter way to this node than the others do.
    member.nodeName === localNode ? { ...member, location: localLocation, isDead: false } : member,
  );
  const common = { connect, deadlineMs, signal, application: `status/${localNode}` };
  const views = await readMembers(members, {
    ...common,
    look: (connection) => readNodeStatus(connection, queueName),
  });
  const seen = views.flatMap(({ member, ...look }) =>
    look.kind === 'seen' && look.view !== undefined ? [{ member, view: look.view }] : [],
  );
  const root = seen.find(({ view }) => view.type === 'root');
  const [measured] = await readMembers(root === undefined ? [] : [root.member], {
    ...common,
    look: (connection) =>
      readLags(
        connection,
        queueName,
        seen.map(({ view }) => view.tick),
      ),
  });
  const lags = measured?.kind === 'seen' ? measured.view : new Map<never, Lag>();
  return {
    queueName,
    localNode,
    entries: views.map((view) =>
      toEntry(
        view,
        seen.map((one) => one.view),
        localNode,
        lags,
      ),
    ),
    isComplete: measured?.kind === 'seen' && views.every(({ kind }) => kind !== 'unreachable'),
  };
}

function toEntry(
  view: MemberView<NodeStatus | undefined>,
  seen: readonly NodeStatus[],
  localNode: string,
  lags: ReadonlyMap<bigint, Lag>,
): StatusEntry {
  const { nodeName: name } = view.member;
  if (view.kind === 'seen' && view.view !== undefined) {
    const status = view.view;
    if (status.name !== name) return { kind: 'alias', name, provider: null, nodeName: status.name };
    const lag = status.type === 'root' ? null : (lags.get(status.tick) ?? null);
    return { kind: 'seen', isLocal: name === localNode, lag, ...status };
  }
  // The provider of a node that does not answer itself: who has it as subscriber.
  const provider = seen.find(({ subscribers }) => subscribers.includes(name))?.name ?? null;
  switch (view.kind) {
    case 'seen':
      return { kind: 'absent', name, provider };
    case 'dead':
      return { kind: 'dead', name, provider };
    case 'unreachable':
      return { kind: 'unreachable', name, provider, reason: view.reason };
  }
}
