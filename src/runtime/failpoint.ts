import { sleep } from './sleep.js';

/** What happens at a failpoint: the process is killed, time passes, or an error is thrown. */
export type FailpointAction =
  /** `time`: not before it has been passed so often, counted from 1. */
  | { readonly kind: 'exit'; readonly time?: number }
  | { readonly kind: 'sleep'; readonly ms: number }
  | { readonly kind: 'error' };

let actions: ReadonlyMap<string, FailpointAction> = new Map();

/** Switches failpoints on for this process. Only tests do; the program's entry hands the map in. */
export function setFailpoints(points: ReadonlyMap<string, FailpointAction>): void {
  actions = points;
}

const passed = new Map<string, number>();

/** Reads `name=exit|other=sleep:500|third=error|fourth=exit@3`; also separated by commas. Throws a plain error when it is none. */
export function parseFailpoints(text: string): ReadonlyMap<string, FailpointAction> {
  const parts = text.split(/[|,]/).filter((part) => part.trim() !== '');
  return new Map(parts.map((part) => parseFailpoint(part.trim())));
}

function parseFailpoint(part: string): [string, FailpointAction] {
  const match = /^([\w-]+)=(?:error|sleep:(?<ms>\d+)|(?<exit>exit)(?:@(?<time>\d+))?)$/.exec(part);
  if (match === null)
    throw new Error(`"${part}" is no failpoint: name=exit, name=exit@TIME, name=error or name=sleep:MS`);
  const name = match[1] as string;
  const { ms, exit, time } = match.groups as { ms?: string; exit?: string; time?: string };
  if (ms !== undefined) return [name, { kind: 'sleep', ms: Number(ms) }];
  if (exit === undefined) return [name, { kind: 'error' }];
  return [name, time === undefined ? { kind: 'exit' } : { kind: 'exit', time: Number(time) }];
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
      passed.set(name, (passed.get(name) ?? 0) + 1);
      if ((passed.get(name) ?? 0) < (action.time ?? 1)) return;
      process.kill(process.pid, 'SIGKILL');
      // The signal may arrive a moment later; nothing after this point may run.
      await new Promise(() => undefined);
  }
}
