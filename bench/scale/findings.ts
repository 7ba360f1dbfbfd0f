import { setTimeout as sleep } from 'node:timers/promises';
import type { TestNode } from '../../test/support/test-node.js';
import { backendOf } from '../backend-cpu.js';
import { parentOf, treeCpuMs } from '../process-cpu.js';
import { millisecondsOf } from '../rounds.js';

/** A table of what was found, printed line by line. */
export class Findings {
  constructor(title: string) {
    process.stdout.write(`\n${title}\n\n| what | found |\n| --- | --- |\n`);
  }

  note(what: string, found: string): void {
    process.stdout.write(`| ${what} | ${found} |\n`);
  }

  /** Notes how long the work took, and returns what it returned. */
  async timed<T>(what: string, work: () => Promise<T>, more: (ms: number) => string = () => ''): Promise<T> {
    let result: T | undefined;
    const ms = await millisecondsOf(async () => {
      result = await work();
    });
    this.note(what, [duration(ms), more(ms)].filter((part) => part !== '').join(', '));
    return result as T;
  }

  /** Notes what part of a core each process took in so many seconds of doing nothing in particular. */
  async load(what: string, processes: ReadonlyMap<string, number>, seconds: number): Promise<void> {
    const cpu = () => [...processes].map(([name, pid]) => ({ name, ms: treeCpuMs(pid) }));
    const before = cpu();
    await sleep(seconds * 1000);
    const parts = cpu().map(
      ({ name, ms }, i) => `${name} ${(((ms - (before[i]?.ms ?? 0)) / seconds / 1000) * 100).toFixed(1)} %`,
    );
    this.note(what, parts.join(', '));
  }
}

export function duration(ms: number): string {
  return ms < 1_000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** The first process of a node's server. */
export async function serverOf(node: TestNode): Promise<number> {
  await using session = await node.application();
  return parentOf(await backendOf(session));
}
