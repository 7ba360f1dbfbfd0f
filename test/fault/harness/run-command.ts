import { runProgram } from '../../../src/demo/program.js';
import type { InjectPorts } from './inject-ports.js';
import type { NodeName } from './schedule.js';

/** A command that answers neither within its own limits nor this has hung. */
const COMMAND_LIMIT_MS = 90_000;

/** Exit codes of a command that met faults: done, not so (2), could not find out (3), refused (1). 4 and 70 are bugs here. */
export const BAD_EXITS: readonly (number | null)[] = [4, 70];

export interface Command {
  readonly node: NodeName;
  readonly words: readonly string[];
  readonly killAfterMs?: number;
}

/** Runs `replicate INI words` and judges how it ended. Returns its exit code, null when it was killed. */
export async function runCommand(
  ports: InjectPorts,
  { node, words, killAfterMs }: Command,
): Promise<number | null> {
  const { folder } = ports.tree.tree;
  const { exitCode, signal, stdout, stderr } = await runProgram('replicate', [`${node}.ini`, ...words], {
    folder,
    timeoutMs: killAfterMs ?? COMMAND_LIMIT_MS,
  });
  const text = `replicate ${node}.ini ${words.join(' ')} ended with ${exitCode ?? signal}`;
  ports.note(`${text}: ${tail(stderr || stdout)}`);
  if (killAfterMs === undefined && signal !== null)
    ports.violate(`${text} after ${COMMAND_LIMIT_MS / 1000} s`);
  if (BAD_EXITS.includes(exitCode)) ports.violate(`${text}: ${stderr}`);
  // Whatever happens, it may not find a difference that is not there.
  if (words[0] === 'compare' && exitCode === 2) ports.violate(`${text}: ${stdout}`);
  if (words[0] === 'repair' && /\b[1-9]\d* rows? (written|mended|repaired)/.test(stdout))
    ports.violate(`${text}: ${stdout}`);
  return exitCode;
}

/** The end of what a program wrote, in one line. */
export function tail(text: string): string {
  return text.trim().split('\n').slice(-2).join(' | ').slice(-300);
}
