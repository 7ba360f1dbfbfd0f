import { Command, type OutputConfiguration } from 'commander';
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
  readonly set: readonly string[];
}

/** Long options of `addCommonOptions` that take a value. */
export const COMMON_VALUE_OPTIONS: readonly string[] = ['--set'];

/** A command line that prints its help through `output` and throws commander's error instead of ending the process. */
export function newCommandLine(program: string, name: string, output: Output): Command {
  const outlet: OutputConfiguration = {
    writeOut: (text) => output.raw(text),
    writeErr: () => undefined,
    getOutHelpWidth: () => output.columns,
  };
  return new Command(name)
    .exitOverride()
    .configureOutput(outlet)
    .allowExcessArguments(false)
    .helpOption('-h, --help', 'print this')
    .version(`${program} ${packageVersion()}`, '-V, --version', 'print the version');
}

/** Adds the options that both programs have. */
export function addCommonOptions(command: Command): Command {
  return command
    .option('-q, --quiet', 'log only warnings and errors')
    .option('-v, --verbose', 'log more; twice: everything', (_: string, count: number) => count + 1, 0)
    .option('-d, --daemon', 'run in the background; needs logfile and pidfile')
    .option('-s, --stop', 'stop the running program of this ini file and wait until it has ended')
    .option('-k, --kill', 'stop it at once')
    .option('-r, --reload', 'make it open its logfile anew')
    .option('--set <key=value>', 'set a key of the ini file; may be repeated', (word: string, words: string[]) => [...words, word], [])
    .option('--ini', 'print a complete sample ini file');
}

/** How much is logged. A command that prints its result logs only what goes wrong. */
export function logLevel(options: CommonOptions, isService: boolean): LogLevel {
  if (options.verbose > 1) return 'trace';
  if (options.verbose === 1) return 'debug';
  if (options.quiet) return isService ? 'warn' : 'error';
  return isService ? 'info' : 'warn';
}
