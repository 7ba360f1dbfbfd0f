/** Where a replicated table stands on one node, from the two places where it is stored. */
export type TableState =
  /** Registered in the cascade, not replicated on this node. */
  | { readonly kind: 'not-here' }
  /** Waits for the worker to copy it. */
  | { readonly kind: 'waiting' }
  /** The worker copies it or brings the copy up to date. */
  | { readonly kind: 'copying'; readonly mergeState: string }
  | { readonly kind: 'ok' }
  /** Set aside after an error, until a resync, or until the table fits its events. */
  | {
      readonly kind: 'parked';
      readonly errorCode: string;
      readonly message: string;
      /** Its events are kept, and it goes on by itself when it fits them. */
      readonly isWaiting: boolean;
    };

export interface StoredTableState {
  readonly isLocal: boolean;
  /** As Londiste stores it; null waits for a copy. */
  readonly mergeState: string | null;
  readonly errorCode: string | null;
  readonly errorMessage: string | null;
}

/** What the stored state means. An error counts over the merge state that was left when it happened. */
export function tableState(stored: StoredTableState): TableState {
  if (!stored.isLocal) return { kind: 'not-here' };
  if (stored.errorCode !== null) {
    return {
      kind: 'parked',
      errorCode: stored.errorCode,
      message: stored.errorMessage ?? '',
      isWaiting: stored.errorCode === 'PC403' && stored.mergeState === 'catching-up',
    };
  }
  switch (stored.mergeState) {
    case null:
      return { kind: 'waiting' };
    case 'ok':
    // Written by very old versions of Londiste.
    case '?':
      return { kind: 'ok' };
    default:
      return { kind: 'copying', mergeState: stored.mergeState };
  }
}

/** One word for tables on a terminal. */
export function describeTableState(state: TableState): string {
  switch (state.kind) {
    case 'not-here':
      return 'not here';
    case 'copying':
      return state.mergeState;
    case 'parked':
      return `${state.isWaiting ? 'waits for its shape' : 'parked'} (${state.errorCode})`;
    default:
      return state.kind;
  }
}

/** What happened to a table that is set aside, and what brings it back. */
export function describeParked(
  tableName: string,
  { errorCode, message, isWaiting }: Omit<Extract<TableState, { kind: 'parked' }>, 'kind'>,
): string {
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
  const fact = `${errorCode} ${sentence}`;
  if (!isWaiting) return `${tableName} is parked: ${fact} When that is mended, run "resync ${tableName}".`;
  return (
    `${tableName} waits: ${fact} Nothing is lost, the provider keeps its events: ` +
    'alter the table on this node to fit them, and it goes on by itself.'
  );
}
