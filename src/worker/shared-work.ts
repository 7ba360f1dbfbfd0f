import type { Lanes } from '../runtime/lanes.js';

export interface SharedWork<Item, Session> {
  /** The lanes of all who work; the caller has one of them. */
  readonly lanes: Lanes;
  readonly items: readonly Item[];
  /** The caller's own. */
  readonly session: Session;
  /** For a helper; closed when its work is done. */
  readonly openSession: () => Promise<Session & AsyncDisposable>;
  work(item: Item, session: Session): Promise<void>;
}

/**
 * Works through the items, one after the other with the caller's session, and with others as long as there are lanes that no task waits
 * for. After a failure nothing more is begun, and what is under way ends first: throws the first failure then.
 */
export async function shareWork<Item, Session>(shared: SharedWork<Item, Session>): Promise<void> {
  const { lanes, session: own, openSession, work } = shared;
  const pending = [...shared.items];
  let failure: { readonly error: unknown } | undefined;
  const workWith = async (session: Session, goesOn: () => boolean) => {
    for (let item = pending.shift(); item !== undefined; item = pending.shift()) {
      await work(item, session);
      if (failure !== undefined || !goesOn()) return;
    }
  };
  const noteFailure = (error: unknown) => {
    failure ??= { error };
  };
  const helping = new Set<Promise<void>>();
  const help = async () => {
    if (pending.length === 0 || failure !== undefined) return;
    const helped = (async () => {
      await using session = await openSession();
      await workWith(session, () => !lanes.isWanted);
    })().catch(noteFailure);
    helping.add(helped);
    await helped;
    if (pending.length > 0 && failure === undefined) lanes.lend(help);
  };
  for (let helper = 1; helper < Math.min(lanes.laneCount, shared.items.length); helper++) lanes.lend(help);
  await workWith(own, () => true).catch(noteFailure);
  await Promise.all(helping);
  if (failure !== undefined) throw failure.error;
}
