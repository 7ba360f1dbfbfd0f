import type { ExitCode } from '../errors/catalogue.js';
import { daemonParent } from '../runtime/daemon.js';
import { parseFailpoints, setFailpoints } from '../runtime/failpoint.js';
import { FAILPOINTS_VARIABLE } from './environment.js';
import { explainFailure } from './explain-failure.js';

/**
 * Runs a program to its end and ends the process. Whatever is thrown becomes one line on standard error, or for a
 * process in the background a report to the one that started it, and the exit code of the catalogue.
 */
export async function runProgram(
  program: string,
  main: (words: readonly string[]) => Promise<ExitCode>,
): Promise<never> {
  const words = process.argv.slice(2);
  const isVerbose = words.some((word) => word === '--verbose' || /^-[a-zA-Z]*v/.test(word));
  const fail = async (error: unknown): Promise<never> => {
    const { line, exitCode, trace } = explainFailure(program, error);
    const lines = isVerbose ? [line, trace] : [line];
    const parent = daemonParent();
    if (parent === undefined) process.stderr.write(`${lines.join('\n')}\n`);
    else await parent.report({ kind: 'failed', lines, exitCode });
    process.exit(exitCode);
  };
  process.on('uncaughtException', (error) => void fail(error));
  process.stdout.on('error', endWithReader);
  // There is nobody left to tell.
  process.stderr.on('error', () => undefined);
  try {
    setFailpoints(parseFailpoints(process.env[FAILPOINTS_VARIABLE] ?? ''));
    process.exit(await main(words));
  } catch (error) {
    return fail(error);
  }
}

/** Whoever reads the output has gone, as in `replicate … | head`: nothing was found out to the end. */
function endWithReader(): void {
  process.exit(3);
}
