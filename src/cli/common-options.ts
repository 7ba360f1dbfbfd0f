import { Command, Option, type OutputConfiguration } from 'commander';
import type { LogLevel } from '../runtime/log.js';
import type { Output } from './output.js';
import { packageVersion } from './version.js';

/** The options that both programs and all commands have. */
export interface CommonOptions {
  readonly quiet?: true;
  /** How often -v was given. */
  readonly verbose: number;
  readonly daemon?: true;
  readonly stop?: true;
  readonly kill?: true;
  readonly reload?: true;
  readonly ini?: true;
  readonly set?: readonly string[];
}

/** Long options of `addCommonOptions` that take a value. */
export const COMMON_VALUE_OPTIONS: readonly string[] = ['--set'];
/** Long options of every command line that take none. */
export const COMMON_PLAIN_OPTIONS: readonly string[] = [
  '--quiet',
  '--verbose',
  '--daemon',
  '--stop',
  '--kill',
  '--reload',
  '--ini',
  '--help',
  '--version',
];

/** A command line that prints its help through `output` and throws commander's error instead of ending the process. */
export function newCommandLine(name: string, output: Output): Command {
  const outlet: OutputConfiguration = {
    writeOut: (text) => output.raw(text),
    writeErr: () => undefined,
    getOutHelpWidth: () => output.columns,
  };
  return new Command(name).exitOverride().configureOutput(outlet).allowExcessArguments(false);
}

/** Adds the options that both programs and all commands have. */
export function addCommonOptions(program: string, command: Command): Command {
  return command
    .optionsGroup('Common options:')
    .option('-q, --quiet', 'Log only warnings and errors.')
    .option('-v, --verbose', 'Log more; twice: everything.', (_: string, count: number) => count + 1, 0)
    .option('-d, --daemon', 'Run in the background; needs logfile and pidfile.')
    .option('-s, --stop', 'Stop the running program of this ini file and wait until it has ended.')
    .option('-k, --kill', 'Stop it at once.')
    .option('-r, --reload', 'Make it open its logfile anew; the ticker reads its ini file anew too.')
    .addOption(
      new Option('--set <key=value>', 'Set a key of the ini file; may be repeated.').argParser(
        (word: string, words: readonly string[] | undefined) => [...(words ?? []), word],
      ),
    )
    .option('--ini', 'Print a complete sample ini file.')
    .version(`${program} ${packageVersion()}`, '-V, --version', 'Print the version.')
    .helpOption('-h, --help', 'Print this.');
}

/** How much is logged. A command that prints its result logs only what goes wrong. */
export function logLevel(options: CommonOptions, isService: boolean): LogLevel {
  if (options.verbose > 1) return 'trace';
  if (options.verbose === 1) return 'debug';
  if (options.quiet) return isService ? 'warn' : 'error';
  return isService ? 'info' : 'warn';
}
