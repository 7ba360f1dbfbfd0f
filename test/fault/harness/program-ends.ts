import { ERRORS, type ErrorEntry } from '../../../src/errors/catalogue.js';
import type { ProgramEnd } from './supervised-program.js';

/** What else than an error that passes may end a program: another one runs for the same node. */
const EXPECTED = ['PC304', 'PC104'];

const GOOD_ADVICE = Object.entries(ERRORS as Readonly<Record<string, ErrorEntry>>)
  .filter(([code, { policy }]) => policy === 'retry' || EXPECTED.includes(code))
  .map(([, { advice }]) => advice);

/** What Node.js itself says about a program: a leak, an API that is going away. */
const NODE_WARNING = /^\(node:\d+\) \w*Warning/m;

/** Whether a program may end so while faults happen: by a signal, as it was told to, or by an error that passes. */
export function mayEndSo({ outcome, wasAskedTwice }: ProgramEnd): boolean {
  const { exitCode, stderr } = outcome;
  if (NODE_WARNING.test(stderr)) return false;
  if (exitCode === null || exitCode === 0) return true;
  if (exitCode === 3 && wasAskedTwice) return true;
  if (exitCode === 4 || exitCode === 70) return false;
  const line = lastLine(stderr);
  return GOOD_ADVICE.some((advice) => line.endsWith(advice));
}

/** How it ended, for the journal. */
export function describeEnd({ outcome }: ProgramEnd): string {
  const { exitCode, signal, stderr } = outcome;
  const line = stderr.split('\n').find((candidate) => NODE_WARNING.test(candidate)) ?? lastLine(stderr);
  return `ended with ${exitCode ?? signal}: ${line.slice(-400)}`;
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1) ?? '';
}
