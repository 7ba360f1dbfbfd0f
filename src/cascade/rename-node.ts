import { ReplicateError } from '../errors/replicate-error.js';
import { failpoint } from '../runtime/failpoint.js';
import { callApi } from './call-api.js';
import { type NodeLocation, readLocations } from './location.js';
import type { Member, MemberSessions } from './member-sessions.js';
import { forgetWatermark, renameOnMember } from './rename-on-member.js';
import { waitUntilForgotten } from './wait-forgotten.js';

export interface RenameNodeOptions {
  readonly oldName: string;
  readonly newName: string;
  /** Longest wait for the node's provider to have read that an earlier node of the new name is gone. */
  readonly timeoutMs: number;
  /** Told of each thing that was done, one sentence each. */
  readonly report: (sentence: string) => void;
}

/** What takes part in a rename. */
interface Cast {
  readonly renamed: Member;
  readonly root: Member;
  /** All that can be reached, the renamed node too. */
  readonly members: readonly Member[];
  readonly unreachable: readonly string[];
}

/**
 * Gives a node another name, on every node of the cascade. Positions stay, workers go on, nothing is copied.
 *
 * Each member is changed in one transaction, in any order: what reads a queue is known by the name of its worker, so
 * a cascade in which only some have heard of the new name goes on working. When all that the node is connected with
 * know it, the old name is taken back. Others hear of both by the queue, through the events that Londiste knows. Each
 * step looks at the databases for what is left to do, so after a crash the same call finishes the work.
 *
 * Throws PC311 when no node has the old or the new name, PC301 when another node has the new one, PC312 when the node
 * is marked as dead or when its provider, a node that reads from it, or the root cannot be reached, PC306 as `waitUntilForgotten`.
 */
export async function renameNode(sessions: MemberSessions, options: RenameNodeOptions): Promise<void> {
  const { oldName, newName, timeoutMs, report } = options;
  const { queueName, signal } = sessions;
  const location = await findNode(sessions, options);
  const cast = await gather(sessions, location, options);
  const { renamed, root, members } = cast;
  checkReachable(cast, await sessions.locations(), options);
  await checkFree(cast, location, options);

  const holds = ({ subscribers }: Member) => subscribers.some(({ nodeName }) => nodeName === oldName);
  for (const { connection } of members.filter(holds)) {
    await waitUntilForgotten({
      root: root.connection,
      provider: connection,
      queueName,
      nodeName: newName,
      timeoutMs,
      signal,
    });
  }
  const groups: readonly [string, (member: Member) => boolean][] = [
    ['rename-registered', holds],
    ['rename-renamed', (member) => member === renamed],
    ['rename-followed', ({ node }) => node.providerNode === oldName],
    ['rename-told', () => true],
  ];
  let changes = 0;
  const told = new Set<Member>();
  for (const [name, belongs] of groups) {
    for (const member of members) {
      if (told.has(member) || !belongs(member)) continue;
      told.add(member);
      const names = { oldName, newName, location: location.location };
      if (await renameOnMember(member.connection, queueName, names)) changes++;
    }
    await failpoint(name);
  }

  // The root last but this node: as long as they know the old name the command can be repeated.
  const local = members.find(({ connection }) => sessions.isLocal(connection));
  const others = members.filter((member) => member !== root && member !== local);
  for (const [name, group] of [
    ['rename-forgotten', others],
    ['rename-unregistered', [root]],
    ['rename-done', local === undefined || local === root ? [] : [local]],
  ] as const) {
    for (const member of group) if (await forgetOldName(member, queueName, oldName)) changes++;
    await failpoint(name);
  }
  report(
    changes === 0
      ? `Node "${newName}" has that name everywhere, and no node is called "${oldName}": nothing to do.`
      : `Node "${oldName}" is called "${newName}" now.`,
  );
  if (changes > 0 && cast.unreachable.length > 0) {
    report(`They hear of it by the queue when they can be reached: ${cast.unreachable.join(', ')}.`);
  }
}

/** Where the node is, by the old name or, when an interrupted call has come so far, by the new one. */
async function findNode(
  sessions: MemberSessions,
  { oldName, newName }: RenameNodeOptions,
): Promise<NodeLocation> {
  const locations = await sessions.locations();
  const found =
    locations.find(({ nodeName }) => nodeName === oldName) ??
    locations.find(({ nodeName }) => nodeName === newName) ??
    (await sessions.location(oldName));
  if (!found.isDead) return found;
  throw new ReplicateError(
    'PC312',
    `Node "${found.nodeName}" is marked as dead: bring it back first ("resurrect", "tag-alive"), or drop it.`,
  );
}

async function gather(
  sessions: MemberSessions,
  { nodeName: knownAs }: NodeLocation,
  { oldName, newName }: RenameNodeOptions,
): Promise<Cast> {
  const isHere = [oldName, newName].includes(sessions.localName);
  const renamed = await sessions.look(isHere ? sessions.localName : knownAs);
  const { nodeName } = renamed.node;
  if (nodeName !== oldName && nodeName !== newName) {
    throw new ReplicateError('PC312', `The node at the place of "${knownAs}" is called "${nodeName}".`);
  }
  const members = [renamed];
  const unreachable: string[] = [];
  for (const member of await sessions.locations()) {
    if (member.isDead || member.nodeName === oldName || member.nodeName === newName) continue;
    try {
      members.push(await sessions.look(member.nodeName));
    } catch (error) {
      if (!(error instanceof ReplicateError)) throw error;
      sessions.signal?.throwIfAborted();
      // A database without the node has nobody to tell.
      if (error.code !== 'PC300') unreachable.push(member.nodeName);
    }
  }
  const roots = members.filter(({ node }) => node.nodeType === 'root');
  const [root] = roots;
  if (root === undefined) {
    throw new ReplicateError(
      'PC312',
      'The root cannot be reached: it has to tell the others of the new name.',
    );
  }
  if (roots.length > 1) {
    const names = roots.map(({ node }) => `"${node.nodeName}"`).join(' and ');
    throw new ReplicateError('PC312', `${names} are roots: finish the takeover, or "resurrect" one, first.`);
  }
  return { renamed, root, members, unreachable };
}

/** Throws PC312 when somebody who has the old name in the way of the events cannot be told. */
function checkReachable(
  { renamed, members }: Cast,
  locations: readonly NodeLocation[],
  { oldName }: RenameNodeOptions,
): void {
  const seen = new Set(members.map(({ node }) => node.nodeName));
  const dead = new Set(locations.flatMap(({ nodeName, isDead }) => (isDead ? [nodeName] : [])));
  const { nodeType, providerNode } = renamed.node;
  const needed = [
    ...(nodeType === 'root' ? [] : [providerNode]),
    ...renamed.subscribers.map(({ nodeName }) => nodeName).filter((name) => !dead.has(name)),
  ];
  const missing = needed.filter((name) => !seen.has(name));
  if (missing.length === 0) return;
  throw new ReplicateError(
    'PC312',
    `Node "${oldName}" can be renamed only when its provider and all that read from it can be reached. Missing: ${missing.join(', ')}.`,
  );
}

/** Throws PC301 when another node has the new name. */
async function checkFree(
  { renamed, root }: Cast,
  { location }: NodeLocation,
  { oldName, newName }: RenameNodeOptions,
): Promise<void> {
  // A node that has the new name already got it from an interrupted call.
  if (renamed.node.nodeName === newName) return;
  for (const { connection } of [root, renamed]) {
    const locations = await readLocations(connection, renamed.node.queueName);
    const holder = locations.find(({ nodeName }) => nodeName === newName);
    const known = locations.find(({ nodeName }) => nodeName === oldName);
    if (holder === undefined || holder.location === location || holder.location === known?.location) continue;
    throw new ReplicateError('PC301', `The cascade has a node "${newName}" already.`, { node: newName });
  }
}

/** Takes the old name back on one member; on the root all nodes hear of it. False when it was not known. */
async function forgetOldName(member: Member, queueName: string, oldName: string): Promise<boolean> {
  const { connection, node } = member;
  if (node.nodeType !== 'leaf') await forgetWatermark(connection, queueName, oldName);
  const locations = await readLocations(connection, queueName);
  if (!locations.some(({ nodeName }) => nodeName === oldName)) return false;
  await callApi(connection, 'pgq_node.unregister_location', [queueName, oldName]);
  return true;
}
