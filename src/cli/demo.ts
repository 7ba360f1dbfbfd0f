import { parseArgs } from 'node:util';
import { runDemo } from '../demo/run-demo.js';
import { listenToSignals } from '../runtime/lifecycle.js';
import { createOutput } from './output.js';

const USAGE = `Usage: npm run demo [-- --keep]

Moves a live shop database from a PostgreSQL 13 to a PostgreSQL 18 with the real programs, on servers of its own.

  --keep   keep the folder with the ini files and logs, and say where it is
  --help   print this
`;

/** The entry of `npm run demo`: exit code 0 only when every step held. */
async function main(): Promise<number> {
  const { keep, help } = readOptions();
  const output = createOutput(process.stdout);
  if (help) {
    output.raw(USAGE);
    return 0;
  }
  const lifecycle = listenToSignals({
    onReload: () => lifecycle.stop('SIGHUP'),
    // Servers and programs are ended by their guards.
    endAtOnce: () => process.exit(130),
  });
  try {
    return (await runDemo({ output, signal: lifecycle.signal, keep })) ? 0 : 1;
  } finally {
    lifecycle.close();
  }
}

function readOptions(): { keep: boolean; help: boolean } {
  try {
    const { values } = parseArgs({ options: { keep: { type: 'boolean' }, help: { type: 'boolean' } } });
    return { keep: values.keep === true, help: values.help === true };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${USAGE}`);
    process.exit(1);
  }
}

process.exitCode = await main();
