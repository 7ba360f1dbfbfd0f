import type { QueueEvent } from '../queue/event.js';
import { SCRIPT_EVENT } from './control-event.js';

/**
 * Blocks that end with a large event, cut behind the scripts in them: a script takes away the temporary table in which the row of a
 * large event stands, and that row cannot be asked for twice. Other blocks as they are.
 */
export async function* cutBehindScripts<E extends QueueEvent>(
  blocks: AsyncIterable<E[]>,
): AsyncGenerator<E[], void, undefined> {
  for await (const block of blocks) {
    if (block.at(-1)?.largeBytes === undefined) {
      yield block;
      continue;
    }
    let from = 0;
    for (const [at, { type }] of block.entries()) {
      if (type !== SCRIPT_EVENT) continue;
      yield block.slice(from, at + 1);
      from = at + 1;
    }
    yield block.slice(from);
  }
}
