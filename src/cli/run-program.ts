import { ERRORS, type ExitCode } from '../errors/catalogue.js';
import { parseFailpoints, setFailpoints } from '../runtime/failpoint.js';
import { backgroundParent, FAILPOINTS_VARIABLE } from './environment.js';
import { explainFailure } from './explain-failure.js';

/**
 * Runs a program to its end and ends the process. Whatever is thrown becomes one line on standard error, with
 * its trace when it is a bug, or for a process in the background a report to the one that started it, and the exit code of the catalogue.
 */
export async function runProgram(
  program: string,
  main: (words: readonly string[]) => Promise<ExitCode>,
): Promise<never> {
  const words = process.argv.slice(2);
  const isVerbose = words.some((word) => word === '--verbose' || /^-[a-zA-Z]*v/.test(word));
  const fail = async (error: unknown, isLogged: boolean): Promise<never> => {
    const { line, exitCode, trace } = explainFailure(program, error);
    // A bug may not show itself a second time.
    const lines = isVerbose || exitCode === ERRORS.PC900.exitCode ? [line, trace] : [line];
    const parent = backgroundParent();
    const isReported = (await parent?.report({ kind: 'failed', lines, exitCode })) ?? false;
    // In the background standard error is the logfile, which has it already.
    if (parent === undefined || !(isReported || isLogged)) process.stderr.write(`${lines.join('\n')}\n`);
    process.exit(exitCode);
  };
  process.on('uncaughtException', (error) => void fail(error, false));
  process.stdout.on('error', endWithReader);
  // There is nobody left to tell.
  process.stderr.on('error', () => undefined);
  try {
    setFailpoints(parseFailpoints(process.env[FAILPOINTS_VARIABLE] ?? ''));
    process.exit(await main(words));
  } catch (error) {
    return fail(error, true);
  }
}

/** Whoever reads the output has gone, as in `replicate … | head`: nothing was found out to the end. */
function endWithReader(): void {
  process.exit(3);
}
