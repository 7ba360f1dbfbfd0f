import { setMaxListeners } from 'node:events';
import { type CommonOptions, logLevel } from '../../src/cli/common-options.js';
import { explainFailure } from '../../src/cli/explain-failure.js';
import type { Output } from '../../src/cli/output.js';
import { parseWords } from '../../src/cli/parse-words.js';
import { namedCommand, splitReplicateWords, verbCommandLine } from '../../src/cli/replicate-command-line.js';
import { loadConfig } from '../../src/config/load-config.js';
import { REPLICATE_SCHEMA } from '../../src/config/replicate-config.js';
import { createConnect } from '../../src/db/connect.js';
import { redactConninfo } from '../../src/db/conninfo.js';
import { type ProgramOutcome, programEnvironment } from '../../src/demo/program.js';
import type { InstallResult } from '../../src/install/install-schemas.js';
import { openLog } from '../../src/runtime/log.js';
import { expectExit } from './programs.js';
import type { TestNode } from './test-node.js';

// As that of a program (lifecycle.ts): Node.js would warn of a leak when a command opens more than ten sessions.
const NEVER = new AbortController().signal;
setMaxListeners(0, NEVER);

export interface InProcessOptions {
  /** The command installs nothing: the node's database was copied from an installed one, and to load all routines again takes half a second. */
  readonly isInstalled?: boolean;
}

/**
 * Runs `replicate <node>.ini words…` in this process: the same words, ini file, output and exit code as `TestNode.runProgram`
 * without the third of a second that a program takes to start. For commands that do one thing, end and name no files by relative paths.
 */
export async function runWords(
  node: TestNode,
  words: readonly string[],
  { isInstalled = false }: InProcessOptions = {},
): Promise<ProgramOutcome> {
  const printed: string[] = [];
  const told: string[] = [];
  const output: Output = {
    print: (line) => void printed.push(`${line}\n`),
    raw: (text) => void printed.push(text),
    isTerminal: false,
    columns: 120,
  };
  const outcome = (exitCode: number): ProgramOutcome => ({
    exitCode,
    signal: null,
    stdout: printed.join(''),
    stderr: told.join(''),
  });
  try {
    return outcome(await run(node, words, output, (line) => void told.push(`${line}\n`), isInstalled));
  } catch (error) {
    const { line, exitCode } = explainFailure('replicate', error);
    told.push(`${line}\n`);
    return outcome(exitCode);
  }
}

async function run(
  node: TestNode,
  words: readonly string[],
  output: Output,
  tell: (line: string) => void,
  isInstalled: boolean,
): Promise<number> {
  const split = await splitReplicateWords([node.ini, ...words]);
  const spec = await namedCommand(split);
  if (spec === undefined || spec.daemon === true) throw new Error(`${words.join(' ')} needs a process.`);
  const line = verbCommandLine(spec, output);
  if (!parseWords(line, split.rest)) return 0;
  const common = line.opts<CommonOptions>();
  const environment = programEnvironment(node.folder);
  const { config } = loadConfig(REPLICATE_SCHEMA, {
    path: `${node.folder}/${node.ini}`,
    overrides: common.set ?? [],
    base: { directory: node.folder, home: node.folder },
  });
  const log = openLog({
    level: logLevel(common, false),
    terminal: { write: tell, colours: false },
    redact: redactConninfo,
  });
  const context = {
    config,
    connect: createConnect(environment),
    log: log.logger,
    signal: NEVER,
    output,
    ...(isInstalled ? { install: installNothing } : {}),
  };
  return spec.run(context, line.args, line.opts());
}

export interface CommandOutcome {
  readonly exitCode: number | null;
  /** What was printed, and the message of the error that ended it. */
  readonly text: string;
}

/** As `TestNode.run`, with all that was written in one text. */
export async function runInProcess(node: TestNode, ...words: string[]): Promise<CommandOutcome> {
  const { exitCode, stdout, stderr } = await runWords(node, words);
  return { exitCode, text: stdout + stderr };
}

/** As `runInProcess`; throws when the exit code is not 0. Returns what was printed. */
export async function mustInProcess(node: TestNode, ...words: string[]): Promise<string> {
  return expectExit(await runWords(node, words)).stdout;
}

async function installNothing(): Promise<InstallResult> {
  return { changed: [] };
}
