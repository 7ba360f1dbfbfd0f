import { sleep } from './sleep.js';

/** What happens at a failpoint: the process is killed, time passes, or an error is thrown. */
export type FailpointAction =
  | { readonly kind: 'exit' }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'error' };

let actions: ReadonlyMap<string, FailpointAction> = new Map();

/** Switches failpoints on for this process. Only tests do; the program's entry hands the map in. */
export function setFailpoints(points: ReadonlyMap<string, FailpointAction>): void {
  actions = points;
}

/** Reads `name=exit|other=sleep:500|third=error`; also separated by commas. Throws a plain error when it is none. */
export function parseFailpoints(text: string): ReadonlyMap<string, FailpointAction> {
  const parts = text.split(/[|,]/).filter((part) => part.trim() !== '');
  return new Map(parts.map((part) => parseFailpoint(part.trim())));
}

function parseFailpoint(part: string): [string, FailpointAction] {
  const match = /^([\w-]+)=(exit|error|sleep:(\d+))$/.exec(part);
  if (match === null) throw new Error(`"${part}" is no failpoint: name=exit, name=error or name=sleep:MS`);
  const [, name, action, ms] = match as unknown as [string, string, string, string | undefined];
  if (ms !== undefined) return [name, { kind: 'sleep', ms: Number(ms) }];
  return [name, { kind: action === 'exit' ? 'exit' : 'error' }];
}

/** A named place where a test can make the program fail. Does nothing when the name is not switched on. */
export async function failpoint(name: string): Promise<void> {
  const action = actions.get(name);
  switch (action?.kind) {
    case undefined:
      return;
    case 'sleep':
      await sleep(action.ms);
      return;
    case 'error':
      throw new Error(`Failpoint ${name}`);
    case 'exit':
      process.kill(process.pid, 'SIGKILL');
      // The signal may arrive a moment later; nothing after this point may run.
      await new Promise(() => undefined);
  }
}
