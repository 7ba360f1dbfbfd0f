/** An operation on one row. */
export type KeyOperation = 'insert' | 'update' | 'delete';

/**
 * What the events of one key, seen so far in a block, come to. `unseen` is where every key starts.
 *
 * - `insert`: the row was not there; it is now.
 * - `update`, `delete`: the row was there; it has new values, it is gone.
 * - `replace`: the row was there, went, and a new one stands under its key.
 * - `nothing`: the row was not there and is not there.
 */
export type NetEffect = 'unseen' | 'insert' | 'update' | 'delete' | 'replace' | 'nothing';

/** `disorder`: no source can have done this in this order, so the events must be looked at one by one. */
export type NextEffect = Exclude<NetEffect, 'unseen'> | 'disorder';

export type EffectTable = Readonly<Record<NetEffect, Readonly<Record<KeyOperation, NextEffect>>>>;

/** The whole rule: what was known of the key × what happens next. Each event carries the full row. */
export const NEXT_EFFECT: EffectTable = {
  unseen: { insert: 'insert', update: 'update', delete: 'delete' },
  insert: { insert: 'disorder', update: 'insert', delete: 'nothing' },
  update: { insert: 'disorder', update: 'update', delete: 'delete' },
  delete: { insert: 'replace', update: 'disorder', delete: 'disorder' },
  replace: { insert: 'disorder', update: 'replace', delete: 'delete' },
  nothing: { insert: 'insert', update: 'disorder', delete: 'disorder' },
};

/**
 * The rule for a table that holds only some of the source's rows: `update` is a row that is to be here, whether or not
 * it was, `delete` one that is not to be here, `insert` one that cannot have been here. So `update` and `delete` as
 * net effects say nothing of before, and `replace` is: gone, if it was here, and then a new one.
 */
export const NEXT_PARTIAL_EFFECT: EffectTable = {
  unseen: { insert: 'insert', update: 'update', delete: 'delete' },
  insert: { insert: 'disorder', update: 'insert', delete: 'nothing' },
  update: { insert: 'disorder', update: 'update', delete: 'delete' },
  delete: { insert: 'replace', update: 'replace', delete: 'delete' },
  replace: { insert: 'disorder', update: 'replace', delete: 'delete' },
  nothing: { insert: 'insert', update: 'insert', delete: 'nothing' },
};

export interface KeyedChange {
  readonly operation: KeyOperation;
  /** The key as a text: equal exactly when the keys are equal. */
  readonly key: string;
}

/** The last event of each key, by what the events of the key come to. */
export interface NetChanges<Change> {
  readonly insert: readonly Change[];
  readonly update: readonly Change[];
  readonly delete: readonly Change[];
  readonly replace: readonly Change[];
  readonly nothing: readonly Change[];
}

/**
 * The net effect of changes in their order; undefined when a key's changes cannot have happened in that order.
 * Keys come out in the order of their first change. Pure.
 */
export function netChanges<Change extends KeyedChange>(
  changes: Iterable<Change>,
  effects: EffectTable = NEXT_EFFECT,
): NetChanges<Change> | undefined {
  const keys = new Map<string, { effect: NetEffect; last: Change }>();
  for (const change of changes) {
    const known = keys.get(change.key);
    const effect = effects[known?.effect ?? 'unseen'][change.operation];
    if (effect === 'disorder') return undefined;
    if (known === undefined) {
      keys.set(change.key, { effect, last: change });
    } else {
      known.effect = effect;
      known.last = change;
    }
  }
  const net = { insert: [], update: [], delete: [], replace: [], nothing: [] } as Record<
    Exclude<NetEffect, 'unseen'>,
    Change[]
  >;
  for (const { effect, last } of keys.values()) {
    if (effect !== 'unseen') net[effect].push(last);
  }
  return net;
}
