import type { HandlerSpec } from './contract.js';

/** A name in the queue without a table: branches hand its events on, nobody writes them. */
export const vtable: HandlerSpec = {
  name: 'vtable',
  aliases: ['fake_local'],
  summary:
    'No table of this name is needed on this node: its events are passed over, and handed on by a branch.',
  arguments: [],
  example: 'add-table public.audit --handler vtable',
  worksOnRoot: true,
  bind: () => ({
    needsNoTable: true,
    notComparable: 'It is a name only on this node (handler vtable).',
    takeOver: async () => ({ write: async () => undefined, finish: async () => undefined }),
  }),
};
