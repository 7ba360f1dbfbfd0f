/** Where a replicated table stands on one node, from the two places where it is stored. */
export type TableState =
  /** Registered in the cascade, not replicated on this node. */
  | { readonly kind: 'not-here' }
  /** Waits for the worker to copy it. */
  | { readonly kind: 'waiting' }
  /** The worker copies it or brings the copy up to date. */
  | { readonly kind: 'copying'; readonly mergeState: string }
  | { readonly kind: 'ok' }
  /** Set aside after an error, until a resync. */
  | { readonly kind: 'parked'; readonly errorCode: string; readonly message: string };

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
    return { kind: 'parked', errorCode: stored.errorCode, message: stored.errorMessage ?? '' };
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
      return `parked (${state.errorCode})`;
    default:
      return state.kind;
  }
}

/** A full sentence or two about a table that is set aside: what happened, and the command that takes it up again. */
export function describeParked(tableName: string, errorCode: string, message: string): string {
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`;
  return `${tableName} is parked: ${errorCode} ${sentence} When that is mended, run "resync ${tableName}".`;
}
