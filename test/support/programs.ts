import { readFileSync } from 'node:fs';
import { Program, type ProgramOptions, type ProgramOutcome, runProgram } from '../../src/demo/program.js';

/** Runs `replicate` to its end. */
export function replicate(words: readonly string[], options: ProgramOptions): Promise<ProgramOutcome> {
  assertBuilt();
  return runProgram('replicate', words, options);
}

/** Runs `ticker` to its end. */
export function ticker(words: readonly string[], options: ProgramOptions): Promise<ProgramOutcome> {
  assertBuilt();
  return runProgram('ticker', words, options);
}

/** Starts `replicate` in the foreground. The caller ends it. */
export function startReplicate(words: readonly string[], options: ProgramOptions): Program {
  assertBuilt();
  return new Program('replicate', words, options);
}

/** Starts `ticker` in the foreground. The caller ends it. */
export function startTicker(words: readonly string[], options: ProgramOptions): Program {
  assertBuilt();
  return new Program('ticker', words, options);
}

/** Throws, with all that the program wrote, when it did not end with the exit code. */
export function expectExit(outcome: ProgramOutcome, exitCode = 0): ProgramOutcome {
  if (outcome.exitCode !== exitCode) {
    const ended = outcome.exitCode ?? outcome.signal;
    throw new Error(
      `The program ended with ${ended} instead of ${exitCode}.\n${outcome.stdout}${outcome.stderr}`,
    );
  }
  return outcome;
}

/** Ends the daemon of a pidfile with SIGKILL; nothing happens when there is none. */
export function killDaemon(pidfile: string): void {
  try {
    process.kill(Number.parseInt(readFileSync(pidfile, 'utf8'), 10), 'SIGKILL');
  } catch {
    // No file or no process: it has ended, which is what was wanted.
  }
}

function assertBuilt(): void {
  const failure = process.env['PGCASCADE_TEST_BUILD_FAILURE'] ?? '';
  if (failure !== '') throw new Error(`The programs could not be compiled:\n${failure}`);
}
