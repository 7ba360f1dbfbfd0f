import { pino } from 'pino';
import { loadCommand } from '../../src/cli/commands.js';
import { verbCommandLine } from '../../src/cli/replicate-command-line.js';
import { loadConfig } from '../../src/config/load-config.js';
import { REPLICATE_SCHEMA } from '../../src/config/replicate-config.js';
import { createConnect } from '../../src/db/connect.js';
import { ReplicateError } from '../../src/errors/replicate-error.js';
import type { InstallResult } from '../../src/install/install-schemas.js';
import type { TestNode } from './test-node.js';

export interface CommandOutcome {
  readonly exitCode: number;
  /** What was printed, and the message of the error that ended it. */
  readonly text: string;
}

/**
 * Runs `replicate <node>.ini verb words…` in this process: the same words and the same ini file as `TestNode.run`
 * without the half second that a program takes to start.
 */
export async function runInProcess(
  node: TestNode,
  verb: string,
  ...words: string[]
): Promise<CommandOutcome> {
  const printed: string[] = [];
  const output = {
    print: (line: string) => void printed.push(`${line}\n`),
    raw: (text: string) => void printed.push(text),
    isTerminal: false,
    columns: 200,
  };
  const command = await loadCommand(verb);
  const line = verbCommandLine(command, output).parse(words, { from: 'user' });
  const base = { directory: node.folder, home: '/' };
  const { config } = loadConfig(REPLICATE_SCHEMA, {
    path: `${node.folder}/${node.ini}`,
    overrides: [],
    base,
  });
  const context = {
    config,
    connect: createConnect(process.env),
    log: pino({ level: 'silent' }),
    signal: new AbortController().signal,
    output,
    ...(node.isInstalled ? { install: installNothing } : {}),
  };
  try {
    return { exitCode: await command.run(context, line.args, line.opts()), text: printed.join('') };
  } catch (error) {
    if (!(error instanceof ReplicateError)) throw error;
    return { exitCode: error.entry.exitCode, text: `${printed.join('')}${error.message}` };
  }
}

/** For a database that was copied from an installed one: to load all routines again takes half a second. */
async function installNothing(): Promise<InstallResult> {
  return { changed: [] };
}

/** As `runInProcess`; throws when the exit code is not 0. Returns what was printed. */
export async function mustInProcess(node: TestNode, verb: string, ...words: string[]): Promise<string> {
  const { exitCode, text } = await runInProcess(node, verb, ...words);
  if (exitCode !== 0)
    throw new Error(`${node.name} ${verb} ${words.join(' ')} ended with ${exitCode}: ${text}`);
  return text;
}
