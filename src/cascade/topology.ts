import type { Connect } from '../db/connect.js';
import type { Connection } from '../db/connection.js';
import { ReplicateError } from '../errors/replicate-error.js';
import type { NodeLocation } from './location.js';

/** What one look at a member of the cascade gave. */
export type MemberView<T> =
  | { readonly kind: 'seen'; readonly member: NodeLocation; readonly view: T }
  /** Nobody was asked: an operator has marked the node as gone. */
  | { readonly kind: 'dead'; readonly member: NodeLocation }
  | { readonly kind: 'unreachable'; readonly member: NodeLocation; readonly reason: string };

export interface ReadMembersOptions<T> {
  readonly connect: Connect;
  readonly application: string;
  /** Longest look at one member, from the connect to the last answer. */
  readonly deadlineMs: number;
  readonly look: (connection: Connection, member: NodeLocation) => Promise<T>;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Looks at all members of a cascade at the same time. One that does not answer in time, or answers with an error,
 * is unreachable; it never makes the call fail or wait longer. Throws the signal's reason when it is aborted.
 */
export async function readMembers<T>(
  members: readonly NodeLocation[],
  options: ReadMembersOptions<T>,
): Promise<MemberView<T>[]> {
  const views = await Promise.all(
    members.map(async (member): Promise<MemberView<T>> => {
      if (member.isDead) return { kind: 'dead', member };
      try {
        return { kind: 'seen', member, view: await lookAt(member, options) };
      } catch (error) {
        // Why one member cannot be looked at is part of the answer, whatever it is.
        return { kind: 'unreachable', member, reason: reasonOf(error) };
      }
    }),
  );
  options.signal?.throwIfAborted();
  return views;
}

async function lookAt<T>(member: NodeLocation, options: ReadMembersOptions<T>): Promise<T> {
  const { application, deadlineMs, signal } = options;
  const opened = options.connect(member.location, { application, signal });
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new ReplicateError('PC200', `No answer within ${deadlineMs / 1000} s.`));
    }, deadlineMs);
  });
  try {
    const view = await Promise.race([
      opened.then((connection) => options.look(connection, member)),
      deadline,
    ]);
    await (await opened).close();
    return view;
  } catch (error) {
    // A statement may still run, and the connection may still come: it is cut, not ended politely.
    opened.then((connection) => connection.destroy()).catch(() => undefined);
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
